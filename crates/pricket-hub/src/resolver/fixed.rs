//! The fixed rules: what a name means by its form, the aliases and the model data.

use std::path::{Path, PathBuf};

use pricket_core::ModelInfo;

use super::Resolver;
use crate::catalog::check_model_name;
use crate::limits::REFERENCE_BYTES_MAX;
use crate::reference::{check_repo, clip, is_path_like, malformed, parse_hub};
use crate::{Alias, HubError, ModelRef, Registry, Rule};

impl Resolver<'_> {
    /// What a name means by the fixed rules alone.
    pub(crate) fn fixed(&self, text: &str) -> Result<(ModelRef, Rule), HubError> {
        if text.is_empty() || text.len() > REFERENCE_BYTES_MAX {
            return Err(malformed(text, "it is empty or longer than 4096 bytes"));
        }
        if let Some(hub) = text.strip_prefix("hf:") {
            let hub = parse_hub(hub).map_err(|reason| malformed(text, reason))?;
            return Ok((ModelRef::Hub(hub), Rule::HubPrefix));
        }
        if is_path_like(text) {
            return Ok((ModelRef::Path(PathBuf::from(text)), Rule::PathLike));
        }
        if let Some(alias) = self.registry.get(text) {
            return Ok((ModelRef::Alias(alias.clone()), Rule::AliasName));
        }
        let family: Vec<&Alias> = self.registry.family(text).collect();
        match family.as_slice() {
            [alias] => return Ok((ModelRef::Alias((*alias).clone()), Rule::AliasFamily)),
            [] => {}
            several => {
                return Err(HubError::NameAmbiguous {
                    name: text.into(),
                    candidates: several.iter().map(|alias| alias.name.clone()).collect(),
                });
            }
        }
        if Path::new(text).exists() {
            return Ok((ModelRef::Path(PathBuf::from(text)), Rule::PathExists));
        }
        if let Some(remote) = self.remote(text)? {
            return Ok(remote);
        }
        if self.surroundings.nearest_allowed
            && let Some(alias) = self.registry.nearest_alias(text)
        {
            return Ok((ModelRef::Alias(alias.clone()), Rule::Nearest));
        }
        Err(HubError::NameUnknown { name: clip(text), nearest: suggestions(text, self.registry) })
    }

    /// A provider's model: `provider/model` for any model of a known provider, or a bare name of
    /// the model data.
    fn remote(&self, text: &str) -> Result<Option<(ModelRef, Rule)>, HubError> {
        let known = |info: &ModelInfo| ModelRef::Remote {
            provider: info.provider.clone().unwrap_or_default(),
            model: info.name.clone(),
        };
        if let Some((provider, model)) = text.split_once('/') {
            let named = |own: &&str| own.eq_ignore_ascii_case(provider);
            let Some(provider) = self.catalog.providers().find(named) else { return Ok(None) };
            if let Some(info) = self.catalog.remote(provider, model) {
                return Ok(Some((known(info), Rule::ProviderModel)));
            }
            let reason = "a provider's model has 1 to 128 bytes, none of them a space";
            check_model_name(model).map_err(|_| malformed(text, reason))?;
            let (provider, model) = (provider.to_owned(), model.to_owned());
            return Ok(Some((ModelRef::Remote { provider, model }, Rule::ProviderModel)));
        }
        let named = self.catalog.find_all(text).into_iter().filter(|info| info.provider.is_some());
        let named: Vec<&ModelInfo> = named.collect();
        match named.as_slice() {
            [] => Ok(None),
            [info] => Ok(Some((known(info), Rule::ProviderName))),
            several => Err(HubError::NameAmbiguous {
                name: clip(text),
                candidates: several.iter().map(|info| info.full_name()).collect(),
            }),
        }
    }
}

fn suggestions(text: &str, registry: &Registry) -> Vec<String> {
    let mut nearest = registry.nearest(text);
    if nearest.is_empty() && check_repo(text).is_ok() {
        nearest.push(format!("hf:{text}"));
    }
    nearest
}
