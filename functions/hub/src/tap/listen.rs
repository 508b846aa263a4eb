//! Listening.

use super::{Listeners, Stage, Tap, Tapped};
use std::sync::{Arc, atomic::Ordering};
use tokio::sync::broadcast::{self, error::RecvError};

/// Which lines somebody wants; an empty list wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these connections and subscriptions.
    pub connections: Vec<String>,
    /// Of these entities.
    pub entities: Vec<String>,
    /// Of these golden records, or external ids.
    pub records: Vec<String>,
    /// Of these stages.
    pub stages: Vec<Stage>,
    /// Whether with values.
    pub values: bool,
}

impl Filter {
    fn wants(&self, line: &Tapped) -> bool {
        let named = |names: &[String], name: Option<&str>| {
            names.is_empty() || name.is_some_and(|name| names.iter().any(|wanted| wanted == name))
        };
        let record = line.record.as_ref().map(|id| id.as_str());
        let external = line.external.as_ref().map(|id| id.as_str());
        (self.stages.is_empty() || self.stages.contains(&line.stage))
            && named(&self.connections, line.connection.as_deref())
            && named(&self.entities, Some(line.entity.name()))
            && (named(&self.records, record) || named(&self.records, external))
    }
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Line {
    /// Something that flowed.
    Tapped(Box<Tapped>),
    /// It was too slow for so many lines.
    Missed(u64),
}

/// Somebody who listens, until it is dropped.
pub struct Listener {
    lines: broadcast::Receiver<Arc<Tapped>>,
    listeners: Arc<Listeners>,
    filter: Filter,
}

impl Tap {
    /// Begins to listen.
    pub fn listen(&self, filter: Filter) -> Listener {
        let lines = self.lines.subscribe();
        let listeners = Arc::clone(&self.listeners);
        listeners.with_values.fetch_add(usize::from(filter.values), Ordering::Relaxed);
        listeners.all.fetch_add(1, Ordering::Relaxed);
        Listener { lines, listeners, filter }
    }
}

impl Listener {
    /// The next line; `None` when nothing flows any more.
    pub async fn next(&mut self) -> Option<Line> {
        loop {
            match self.lines.recv().await {
                Ok(line) if self.filter.wants(&line) => {
                    let mut line = Tapped::clone(&line);
                    // Another listener may have asked for values; this one did not.
                    line.values = line.values.filter(|_| self.filter.values);
                    return Some(Line::Tapped(Box::new(line)));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => return Some(Line::Missed(missed)),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listeners.with_values.fetch_sub(usize::from(self.filter.values), Ordering::Relaxed);
        self.listeners.all.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BUFFER, Show, When};
    use super::*;
    use concord_connector::{Entity, Instant};

    fn line(number: u64) -> Tapped {
        let at = When(Instant::EPOCH);
        let mut line = Tapped::new(at, Stage::Signal, number.to_string(), Entity::Order);
        line.connection = Some("here".into());
        line
    }

    #[test]
    fn nothing_is_made_while_nobody_listens() {
        let tap = Tap::default();
        tap.emit(|_| panic!("nobody listens"));
        drop(tap.listen(Filter::default()));
        tap.emit(|_| panic!("nobody listens any more"));
    }

    #[tokio::test]
    async fn a_slow_listener_misses_counted_lines_and_holds_nobody_up() {
        let tap = Tap::default();
        let mut slow = tap.listen(Filter::default());
        let many = BUFFER as u64 + 10;
        for number in 0..many {
            tap.emit(|_| vec![line(number)]);
        }
        assert!(matches!(slow.next().await, Some(Line::Missed(10))));
        assert!(matches!(slow.next().await, Some(Line::Tapped(line)) if line.what == "10"));
    }

    #[tokio::test]
    async fn values_are_for_those_who_asked_for_them() {
        let tap = Tap::default();
        let mut plain = tap.listen(Filter::default());
        tap.emit(|show| {
            assert_eq!(show, Show::Names);
            vec![line(0)]
        });
        let mut curious = tap.listen(Filter { values: true, ..Filter::default() });
        tap.emit(|show| {
            assert_eq!(show, Show::Values);
            vec![Tapped { values: Some([("name".to_owned(), "Acme".into())].into()), ..line(1) }]
        });
        plain.next().await;
        let (Some(Line::Tapped(without)), Some(Line::Tapped(with))) = (plain.next().await, curious.next().await) else {
            panic!("two lines");
        };
        assert_eq!((without.values, with.values.map(|values| values.len())), (None, Some(1)));
    }

    #[tokio::test]
    async fn a_filter_lets_only_its_own_through() {
        let tap = Tap::default();
        let filter = Filter { connections: vec!["there".into()], stages: vec![Stage::Signal], ..Filter::default() };
        let mut listener = tap.listen(filter);
        tap.emit(|_| vec![line(0), Tapped { connection: Some("there".into()), ..line(1) }]);
        assert!(matches!(listener.next().await, Some(Line::Tapped(line)) if line.what == "1"));
    }
}
