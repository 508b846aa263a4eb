//! Who decides: what is kept with a decision, for those who ask later.

/// The person who runs this process, as the system knows them.
pub fn of_this_process() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "somebody on the command line".into())
}
