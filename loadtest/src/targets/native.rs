//! The targets in Rust.

use std::net::SocketAddr;
use std::process::Command;

use super::Recipe;
use super::workshop::Workshop;
use crate::error::{Error, Result};
use crate::measure::machine::first_line;

/// The product, as a user starts it. Only stopping is made quick: no load balancer is to be waited for.
pub(crate) fn linnet(workshop: &Workshop, workers: usize, address: SocketAddr) -> Result<Recipe> {
    linnet_with(workshop, workers, address, &[])
}

/// The same with further settings, as `name=value`.
pub(crate) fn linnet_with(
    workshop: &Workshop,
    workers: usize,
    address: SocketAddr,
    settings: &[String],
) -> Result<Recipe> {
    let version = first_line(Command::new(&workshop.linnet).arg("--version"))
        .ok_or_else(|| Error::Absent(format!("{} cannot be run", workshop.linnet.display())))?;
    let workers = workers.to_string();
    let mut args: Vec<String> = ["serve", "-c", "/dev/null", "--workers", &workers].map(str::to_owned).into();
    args.extend(["--bind".to_owned(), address.to_string()]);
    args.extend(["--model".to_owned(), workshop.model.display().to_string()]);
    let quick = ["drain_delay=0", "keepalive_min=0", "graceful_timeout=1"].map(str::to_owned);
    for setting in quick.iter().chain(settings) {
        args.extend(["--set".to_owned(), setting.clone()]);
    }
    Ok(Recipe {
        program: workshop.linnet.clone(),
        args,
        env: Vec::new(),
        directory: workshop.root.clone(),
        version,
    })
}

/// Bare hyper.
pub(crate) fn ceiling(workshop: &Workshop, workers: usize, address: SocketAddr) -> Recipe {
    let mut recipe = own(workshop, "serve-ceiling", workers, address);
    recipe.args.extend(workshop.ceiling.iter().cloned());
    recipe
}

/// axum and a hash map.
pub(crate) fn afternoon(workshop: &Workshop, workers: usize, address: SocketAddr) -> Recipe {
    let mut recipe = own(workshop, "serve-afternoon", workers, address);
    recipe.args.extend(["--model".to_owned(), workshop.model.display().to_string()]);
    recipe
}

fn own(workshop: &Workshop, command: &str, workers: usize, address: SocketAddr) -> Recipe {
    Recipe {
        program: workshop.own.clone(),
        args: [command, "--bind", &address.to_string(), "--workers", &workers.to_string()]
            .map(str::to_owned)
            .into(),
        env: Vec::new(),
        directory: workshop.root.clone(),
        version: format!("loadtest {}", env!("CARGO_PKG_VERSION")),
    }
}
