//! Names to places in a list, without a second copy of the names.

/// The places of a list in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NameIndex(Vec<u32>);

impl NameIndex {
    /// Sorts the names of a list.
    ///
    /// # Errors
    /// The place of a name that is there twice.
    pub(crate) fn build<'a, T>(
        list: &'a [T],
        name: impl Fn(&'a T) -> &'a str,
    ) -> Result<Self, usize> {
        let mut order: Vec<u32> = (0..list.len() as u32).collect();
        let named = |place: u32| list.get(place as usize).map(&name);
        order.sort_unstable_by_key(|&place| named(place));
        let twice = order.windows(2).find_map(|pair| match *pair {
            [a, b] if named(a) == named(b) => Some(a.max(b) as usize),
            _ => None,
        });
        twice.map_or(Ok(Self(order)), Err)
    }

    /// The item of a name, in the list that the index was built over.
    pub(crate) fn find<'a, T>(
        &self,
        list: &'a [T],
        wanted: &str,
        name: impl Fn(&'a T) -> &'a str,
    ) -> Option<&'a T> {
        list.get(self.place(list, wanted, name)?)
    }

    /// The place of that item.
    pub(crate) fn place<'a, T>(
        &self,
        list: &'a [T],
        wanted: &str,
        name: impl Fn(&'a T) -> &'a str,
    ) -> Option<usize> {
        let named = |place: u32| list.get(place as usize).map(&name);
        let found = self.0.binary_search_by(|&place| named(place).cmp(&Some(wanted))).ok()?;
        self.0.get(found).map(|&place| place as usize)
    }
}
