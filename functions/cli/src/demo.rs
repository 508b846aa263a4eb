//! `concord demo`: four sandbox systems, a hub beside them, a partner programme flowing through, and the proof that all
//! systems agree, read back from the systems themselves.

mod cast;
mod proof;
mod stage;
mod story;
mod summary;
mod watch;

use crate::{
    app,
    args::Demo,
    failure::{Told, Usage},
    print,
    up::{self, Running},
};
use anyhow::{Context as _, Result, bail};
use cast::Cast;
use concord_hub::embedded::vault::Key;
use stage::Stage;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use story::Event;
use summary::Summary;
use watch::{Screen, quiet};

pub use proof::{Disagreement, Proof};

/// Events that happen at the same moment.
const AT_ONCE: usize = 4;
/// From one moment to the next.
const PACE: Duration = Duration::from_millis(100);
/// The opening is given this long to arrive everywhere before life begins; what is not there by then is edited on arrival.
const OPENING: Duration = Duration::from_secs(60);
/// The end is waited for this long.
const ENDING: Duration = Duration::from_secs(120);

/// Plays the demo.
///
/// # Errors
/// When it cannot start; [`Told`] when the systems do not agree.
pub async fn demo(args: &Demo, wants_json: bool) -> Result<()> {
    let (dir, _temporary, key) = folder(args.data.as_deref())?;
    let cast = Arc::new(Cast::start(args.seed).await?);
    let listener = up::listen(args.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))).await?;
    let public_url = format!("http://{}", listener.local_addr()?);
    let app = cast.hub(&dir, key, &public_url).await?;
    cast.subscribe(&public_url);
    let running = Running::start(app, listener)?;
    let say = |text: String| if wants_json { eprintln!("{text}") } else { print::line(text) };
    say(format!("The hub is at {}; its data and token are in {}.", running.url, dir.display()));
    for (name, vendor) in &cast.vendors {
        say(format!("{name} is at {url}; what it holds is at {url}/__sandbox/records", url = vendor.url));
    }

    let summary = play(args, &running, &cast, wants_json).await?;
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
    say(format!("Everything stays up. Look around: `concord status --data {}`. Ctrl-C ends it.", dir.display()));
    running.until_stopped().await;
    Ok(())
}

async fn play(args: &Demo, running: &Running, cast: &Arc<Cast>, wants_json: bool) -> Result<Summary> {
    let began = Instant::now();
    let app = &running.app;
    let story = story::tell(args.seed, args.partners, args.events);
    let mut stage = Stage::new(Arc::clone(app), Arc::clone(cast));
    let mut screen = Screen::new(Arc::clone(app), wants_json);
    perform(&mut stage, &mut screen, &story.opening, "Setting up").await;
    let mut since = app.hub.now();
    quiet(app, &mut screen, since, OPENING, "Getting in step").await;
    perform(&mut stage, &mut screen, &story.life, "Living").await;
    since = app.hub.now();
    let calm = quiet(app, &mut screen, since, ENDING, "Settling").await;
    screen.leave();
    let proof = proof::proof(app, cast).await.context("The systems could not be read back.")?;
    let status = crate::session::Live::new(&running.url, app.token.clone())?.status().await?;
    Ok(Summary { proof, status, played: stage.played, calm, took: began.elapsed() })
}

async fn perform(stage: &mut Stage, screen: &mut Screen, events: &[Event], what: &str) {
    for moment in events.chunks(AT_ONCE) {
        for event in moment {
            stage.play(event).await;
        }
        screen.show(what).await;
        tokio::time::sleep(PACE).await;
    }
}

/// The data folder, what removes it at the end when it is a temporary one, and the vault's key.
fn folder(named: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>, Key)> {
    match named {
        Some(dir) => {
            if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
                bail!(Usage(format!(
                    "{} is not empty; the demo begins with new systems and needs a new folder.",
                    dir.display()
                )));
            }
            Ok((dir.to_owned(), None, app::vault_key()?))
        }
        None => {
            let dir = tempfile::Builder::new()
                .prefix("concord-demo-")
                .tempdir()
                .context("There is no room for temporary data.")?;
            Ok((dir.path().to_owned(), Some(dir), Key::from_bytes(rand::random())))
        }
    }
}
