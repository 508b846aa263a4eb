//! Whose a change is: somebody's edit, or our own write of which no receipt came.

use super::{Facet, Hash, Sort, Version};
use concord_connector::{Field, Instant};
use std::{sync::Arc, time::Duration};

impl Facet {
    /// Notes the fields whose new value is one that we were about to write. `behind` is how far the vendor's clock was behind
    /// ours at that read, where it said so.
    pub(super) fn recognise(&self, new: &mut Version, at: usize, behind: Option<Duration>) {
        for (field, value) in &new.diff {
            let image = Hash::of(value.as_ref());
            let typed = self.was_typed(at, field, &image);
            if left_out!(SkipEcho) || typed || !self.wants_value(field, &image) {
                // Empty where our create was to write: that takes several requests at some systems, and nobody has emptied it.
                if value.is_none() && !typed && self.was_made_with(field).is_some() && !left_out!(SkipEcho) {
                    new.ours.insert(field.clone());
                    continue;
                }
                let under = self.was_made_with(field).or_else(|| self.may_cover(new, field, behind));
                let under = under.or_else(|| self.wanted_stamp(field, &image).filter(|_| typed));
                new.stamps.extend(under.map(|stamp| (field.clone(), stamp)));
                continue;
            }
            if let Some(stamp) = self.wanted_stamp(field, &image) {
                new.stamps.insert(field.clone(), stamp);
            }
            new.ours.insert(field.clone());
        }
    }

    /// The stamp of the value with which our create made a record that nobody had read since: what it shows now was edited on
    /// top of that.
    fn was_made_with(&self, field: &Field) -> Option<Instant> {
        let made = self.wants.iter().find(|want| want.sent && want.fields.contains_key(field));
        made.filter(|_| self.is_unseen()).map(|want| want.stamps.get(field).copied().unwrap_or(Instant::EPOCH))
    }

    /// The stamp of a value that an open want may have carried there before a field was edited to another: the vendor's clock
    /// is behind, by what it said or by our last write there, and by ours the edit is later than the want. Whether that write
    /// landed nobody knows yet; whoever wrote is later than the value that we were to write in any case.
    fn may_cover(&self, new: &Version, field: &Field, behind: Option<Duration>) -> Option<Instant> {
        let receipt = || self.versions.iter().rev().find(|known| known.order.sort == Sort::Receipt);
        let behind = behind.or_else(|| receipt()?.behind())?;
        let edited_at = new.edited_at(field).0.plus(behind);
        let open = self.wants.iter().filter(|want| want.fields.contains_key(field) && want.at < edited_at);
        open.filter_map(|want| want.stamps.get(field).copied()).max()
    }

    /// Whether a value that we were to write was typed by somebody: they had edited the field since that was decided, from
    /// then on something else was to be there, and no write lands here on what it did not see.
    fn was_typed(&self, at: usize, field: &Field, image: &Hash) -> bool {
        let Some(last) = edit(&self.versions[..at], field).map(|last| last.order.read_at) else { return false };
        let mut of = self.wants.iter().filter(|want| want.fields.get(field) == Some(image));
        of.all(|want| {
            want.is_withdrawn(field) && want.at < last && want.outlived.get(field).is_none_or(|edit| *edit < last)
        })
    }
}

/// The version that was the last to change a field, where that was somebody's edit.
pub(super) fn edit<'a>(versions: &'a [Arc<Version>], field: &Field) -> Option<&'a Version> {
    let last = versions.iter().rev().find(|known| known.diff.contains_key(field))?;
    (last.order.sort == Sort::Seen && !last.ours.contains(field)).then_some(&**last)
}
