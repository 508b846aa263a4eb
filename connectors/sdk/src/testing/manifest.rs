//! Laws of the manifest that its parser cannot see alone.

use super::{Group, Subject, generate, holds};
use crate::Manifest;

pub(super) fn laws(subject: &Subject, group: &mut Group<'_>) {
    let connector = subject.connector.clone();
    group.law("has_no_mistake", move || {
        let mistakes = connector.manifest().check();
        holds(mistakes.is_empty(), || mistakes.join("\n"))
    });

    let (connector, file) = (subject.connector.clone(), subject.folder.join("connector.toml"));
    group.law("is_the_file_in_the_folder", move || {
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let parsed = Manifest::parse(&text).map_err(|e| e.to_string())?;
        holds(&parsed == connector.manifest(), || "connector() declares something else than connector.toml".into())
    });

    let connector = subject.connector.clone();
    group.law("every_setting_says_what_it_means", move || {
        for (name, setting) in &connector.manifest().options {
            holds(setting.meaning.ends_with('.'), || format!("option `{name}`: `{}`", setting.meaning))?;
        }
        Ok(())
    });

    let connector = subject.connector.clone();
    group.law("every_limit_is_declared_once", move || {
        let mut names: Vec<_> = connector.manifest().limits.iter().map(|limit| &limit.name).collect();
        let declared = names.len();
        names.sort();
        names.dedup();
        holds(names.len() == declared, || format!("a limit is declared twice: {names:?}"))
    });

    let (connector, cx) = (subject.connector.clone(), subject.context.clone());
    group.law("every_mapped_value_can_be_generated", move || {
        for (entity, mapping) in &connector.manifest().entity {
            for rule in &mapping.fields {
                let spec = entity.field(rule.field.as_str()).ok_or_else(|| format!("no field {}", rule.field))?;
                let codec = rule.effective(*entity).map_err(|e| e.to_string())?;
                let mapped = codec.pairs().is_none_or(|pairs| !pairs.is_empty()) || codec.fits(spec.ty);
                holds(mapped, || format!("{entity}.{}: an empty value map", rule.field))?;
                drop(generate::value(spec.ty, &codec, &cx));
            }
        }
        Ok(())
    });
}
