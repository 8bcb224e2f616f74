//! Archives as torch and numpy write them, and others that they would not.

/// A zip archive whose files are stored as they are.
pub(crate) fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let header = file.len() as u32;
        let sizes = [bytes.len() as u32; 2].map(u32::to_le_bytes).concat();
        let fixed = |before: &[u8]| {
            let lengths = [(name.len() as u16).to_le_bytes(), [0; 2]].concat();
            [before, &[0; 12][..], &sizes[..], &lengths[..]].concat()
        };
        // Version, flags, method, time and date, and the sum that nobody checks are zeros.
        file.extend([&b"PK\x03\x04"[..], &fixed(&[0; 2])].concat());
        file.extend([name.as_bytes(), bytes].concat());
        directory.extend([&b"PK\x01\x02"[..], &fixed(&[0; 4])].concat());
        directory.extend([&[0; 10][..], &header.to_le_bytes(), name.as_bytes()].concat());
    }
    let start = file.len() as u32;
    let count = (entries.len() as u16).to_le_bytes();
    file.extend(&directory);
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    file.extend([(directory.len() as u32).to_le_bytes(), start.to_le_bytes()].concat());
    file.extend([0; 2]);
    file
}

/// A file of torch's with this pickle and one storage of so many zeros.
pub(crate) fn torch(pickle: &[u8], storage: usize) -> Vec<u8> {
    zip(&[("a/data.pkl", pickle.to_vec()), ("a/data/0", vec![0; storage])])
}

/// A pickle of a dictionary with these entries.
pub(crate) fn dictionary(entries: &[u8]) -> Vec<u8> {
    [b"\x80\x02}(", entries, b"u."].concat()
}

/// An entry of it: a tensor in a storage of its own.
pub(crate) fn tensor(
    name: &str,
    class: &str,
    key: &str,
    offset: u8,
    axes: [&[usize]; 2],
) -> Vec<u8> {
    let storage = format!("ctorch\n{class}\n");
    let parts: [&[u8]; 10] = [
        &text(name),
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage"),
        storage.as_bytes(),
        &text(key),
        &text("cpu"),
        b"K\0tQK",
        &[offset],
        &axes.map(tuple).concat(),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ];
    parts.concat()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn tuple(axes: &[usize]) -> Vec<u8> {
    let numbers = axes.iter().flat_map(|&axis| [b"J", &(axis as u32).to_le_bytes()[..]].concat());
    [b"(".to_vec(), numbers.collect(), b"t".to_vec()].concat()
}

/// An array's magic, version and header.
pub(crate) fn npy(header: &str) -> Vec<u8> {
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0", &len[..], header.as_bytes()].concat()
}
