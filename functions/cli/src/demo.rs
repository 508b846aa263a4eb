//! `concord demo`: sandbox systems, a hub beside them, a partner programme flowing through, and the proof that all
//! systems agree, read back from the systems themselves.

mod cast;
mod chaos;
mod door;
mod market;
mod proof;
mod stage;
mod story;
mod summary;
mod watch;

use crate::{
    app::{self, App},
    args::Demo,
    failure::{Told, Usage},
    print,
    up::{self, Running},
};
use anyhow::{Context as _, Result, bail};
use cast::Cast;
use chaos::{Chaos, Place};
use concord_hub::{
    embedded::{SystemClock, vault::Key},
    ports::Clock as _,
};
use door::Door;
use market::Deal;
use stage::{Played, Stage};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use story::Event;
use summary::Summary;
use tokio::net::TcpListener;
use watch::{Screen, quiet};

pub use proof::{Disagreement, Proof};

/// Events that happen at the same moment.
const AT_ONCE: usize = 4;
/// From one moment to the next.
const PACE: Duration = Duration::from_millis(100);
/// The opening is given this long to arrive everywhere before life begins; what is not there by then is edited on arrival.
const OPENING: Duration = Duration::from_secs(60);
/// The end is waited for this long at most: slow machines take a while over what lies in the queues.
const ENDING: Duration = Duration::from_secs(300);

/// Plays the demo.
///
/// # Errors
/// When it cannot start; [`Told`] when the systems do not agree.
pub async fn demo(args: &Demo, wants_json: bool) -> Result<()> {
    let folder = Folder::new(args.data.as_deref())?;
    let cast = Arc::new(Cast::start(args.seed).await?);
    let listener = up::listen(args.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))).await?;
    let listen = listener.local_addr()?;
    let public_url = format!("http://{listen}");
    let app = cast.hub(&folder.dir, folder.key()?, &public_url).await?;
    cast.subscribe(&public_url);
    let say = |text: String| if wants_json { eprintln!("{text}") } else { print::line(text) };
    say(format!("The hub is at {public_url}; its data and token are in {}.", folder.dir.display()));
    for (name, vendor) in &cast.vendors {
        say(format!("{name} is at {url}; what it holds is at {url}/__sandbox/records", url = vendor.url));
    }

    let (summary, running) = if args.chaos {
        in_chaos(args, app, listener, &folder, &cast, wants_json).await?
    } else {
        in_peace(args, app, listener, &cast, wants_json).await?
    };
    if wants_json {
        print::json(&summary.json());
    } else {
        summary.lines().into_iter().for_each(print::line);
    }
    let agrees = summary.agrees();
    if args.exit {
        running.stop().await;
        return if agrees { Ok(()) } else { Err(Told.into()) };
    }
    say(format!("Everything stays up. Look around: `concord status --data {}`. Ctrl-C ends it.", folder.dir.display()));
    running.until_stopped().await;
    Ok(())
}

/// With the hub in this process.
async fn in_peace(
    args: &Demo,
    app: Arc<App>,
    listener: TcpListener,
    cast: &Arc<Cast>,
    wants_json: bool,
) -> Result<(Summary, Running)> {
    let began = Instant::now();
    let running = Running::start(Arc::clone(&app), listener)?;
    let door = Arc::new(Door::new(&running.url, app.token.clone())?);
    let (played, deal, calm) = play(args, &door, cast, wants_json, || {}).await?;
    let status = door.look().await?.json().clone();
    let proof = proof::proof(&app, cast).await.context("The systems could not be read back.")?;
    Ok((Summary { proof, status, played, deal, crashes: None, calm, took: began.elapsed() }, running))
}

/// With the hub in a process of its own that is killed while the story goes on.
async fn in_chaos(
    args: &Demo,
    app: Arc<App>,
    listener: TcpListener,
    folder: &Folder,
    cast: &Arc<Cast>,
    wants_json: bool,
) -> Result<(Summary, Running)> {
    let began = Instant::now();
    let listen = listener.local_addr()?;
    drop((app, listener));
    let place = Place { dir: folder.dir.clone(), listen, key: folder.key_file() };
    let (chaos, door) = Chaos::start(place, args.seed).await?;
    let door = Arc::new(door);
    let (played, deal, calm) = play(args, &door, cast, wants_json, || chaos.spare()).await?;
    let status = door.look().await?.json().clone();
    let crashes = chaos.end().await?;
    let app = cast.reopened(&folder.dir, folder.key()?).await?;
    let proof = proof::proof(&app, cast).await.context("The systems could not be read back.")?;
    let running = Running::start(app, up::listen(listen).await?)?;
    Ok((Summary { proof, status, played, deal, crashes: Some(crashes), calm, took: began.elapsed() }, running))
}

/// Plays the story and waits for its end; `lived` is called when the last event has happened.
async fn play(
    args: &Demo,
    door: &Arc<Door>,
    cast: &Arc<Cast>,
    wants_json: bool,
    lived: impl FnOnce(),
) -> Result<(Played, Deal, bool)> {
    let story = story::tell(args.seed, args.partners, args.events);
    let mut stage = Stage::new(Arc::clone(door), Arc::clone(cast));
    let mut screen = Screen::new(Arc::clone(door), wants_json);
    perform(&mut stage, &mut screen, &story.opening, "Setting up").await;
    quiet(door, &mut screen, SystemClock.now(), OPENING, "Getting in step").await;
    let deal = tokio::spawn(market::play(Arc::clone(door), Arc::clone(cast)));
    perform(&mut stage, &mut screen, &story.life, "Living").await;
    lived();
    while !deal.is_finished() {
        screen.show("One deal to its end").await;
        tokio::time::sleep(PACE).await;
    }
    let deal = deal.await.context("The marketplace act broke off.")?;
    let calm = quiet(door, &mut screen, SystemClock.now(), ENDING, "Settling").await;
    screen.leave();
    Ok((stage.played, deal, calm))
}

async fn perform(stage: &mut Stage, screen: &mut Screen, events: &[Event], what: &str) {
    for moment in moments(events) {
        for event in moment {
            stage.play(event).await;
        }
        screen.show(what).await;
        tokio::time::sleep(PACE).await;
    }
}

/// Some events at once; what two people make of one thing at once is never parted, or the second would make a double of
/// what the hub has made by then.
fn moments(mut events: &[Event]) -> impl Iterator<Item = &[Event]> {
    std::iter::from_fn(move || {
        let mut end = events.len().min(AT_ONCE);
        while end > 0 && end < events.len() && events[end - 1].is_made_with(&events[end]) {
            end += 1;
        }
        let (moment, rest) = events.split_at(end);
        events = rest;
        (!moment.is_empty()).then_some(moment)
    })
}

/// Where the data is, and the vault's key.
struct Folder {
    dir: PathBuf,
    /// Data and key of a demo that leaves nothing behind.
    temporary: Option<tempfile::TempDir>,
}

impl Folder {
    fn new(named: Option<&Path>) -> Result<Self> {
        let Some(dir) = named else {
            let temporary = tempfile::Builder::new().prefix("concord-demo-").tempdir();
            let temporary = temporary.context("There is no room for temporary data.")?;
            return Ok(Self { dir: temporary.path().join("data"), temporary: Some(temporary) });
        };
        if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            bail!(Usage(format!(
                "{} is not empty; the demo begins with new systems and needs a new folder.",
                dir.display()
            )));
        }
        Ok(Self { dir: dir.to_owned(), temporary: None })
    }

    fn key_file(&self) -> Option<PathBuf> {
        self.temporary.as_ref().map(|temporary| temporary.path().join("vault.key"))
    }

    fn key(&self) -> Result<Key> {
        match self.key_file() {
            Some(file) => Ok(Key::read_or_create(&file)?),
            None => app::vault_key(),
        }
    }
}
