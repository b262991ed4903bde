//! The targets in Python: the same fitted pipeline under four servers, each from pinned requirements.

use std::fs;
use std::net::SocketAddr;

use serde_json::json;

use super::Recipe;
use super::process::free_address;
use super::workshop::Workshop;
use crate::error::{Error, Result};

/// The lesson's app as the lesson's own production advice has it: gunicorn with uvicorn workers.
pub(crate) fn lesson(workshop: &Workshop, workers: usize, address: SocketAddr) -> Result<Recipe> {
    let mut recipe = recipe(workshop, "lesson", "gunicorn", &["gunicorn", "uvicorn", "fastapi"])?;
    recipe.directory = workshop.root.join("loadtest/lesson");
    recipe.args = ["-c", "app/gunicorn.py", "-k", "uvicorn.workers.UvicornWorker", "app.api:app"]
        .map(str::to_owned)
        .into();
    recipe.env.push(("LESSON_BIND".to_owned(), address.to_string()));
    recipe.env.push(("WEB_CONCURRENCY".to_owned(), workers.to_string()));
    Ok(recipe)
}

/// The lesson's app under Granian.
pub(crate) fn granian(workshop: &Workshop, workers: usize, address: SocketAddr) -> Result<Recipe> {
    let mut recipe = recipe(workshop, "granian", "granian", &["granian", "fastapi"])?;
    recipe.directory = workshop.root.join("loadtest/lesson");
    let (ip, port, workers) = (address.ip().to_string(), address.port().to_string(), workers.to_string());
    let args = ["--interface", "asgi", "--no-ws", "--host", &ip, "--port", &port, "--workers", &workers];
    recipe.args = args.map(str::to_owned).into();
    recipe.args.push("app.api:app".to_owned());
    Ok(recipe)
}

/// `MLServer`. With one worker the model runs in the server's own process, its fastest way.
pub(crate) fn mlserver(workshop: &Workshop, workers: usize, address: SocketAddr) -> Result<Recipe> {
    let mut recipe = recipe(workshop, "mlserver", "mlserver", &["mlserver"])?;
    recipe.directory = workshop.folder("mlserver")?;
    let settings = json!({
        "host": address.ip().to_string(),
        "http_port": address.port(),
        "grpc_port": free_address()?.port(),
        "metrics_port": free_address()?.port(),
        "parallel_workers": if workers == 1 { 0 } else { workers },
        "debug": false,
    });
    let model = json!({
        "name": "tagifai",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": workshop.pipeline()?},
    });
    fs::write(recipe.directory.join("settings.json"), settings.to_string())?;
    fs::write(recipe.directory.join("model-settings.json"), model.to_string())?;
    recipe.args = vec!["start".to_owned(), ".".to_owned()];
    Ok(recipe)
}

/// The `BentoML` service in `loadtest/bentoml`.
pub(crate) fn bentoml(workshop: &Workshop, workers: usize, address: SocketAddr) -> Result<Recipe> {
    let mut recipe = recipe(workshop, "bentoml", "bentoml", &["bentoml"])?;
    recipe.directory = workshop.root.join("loadtest/bentoml");
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    recipe.args = ["serve", "service:Tagifai", "--host", &ip, "--port", &port].map(str::to_owned).into();
    recipe.env.push(("WEB_CONCURRENCY".to_owned(), workers.to_string()));
    recipe.env.push(("BENTOML_DO_NOT_TRACK".to_owned(), "true".to_owned()));
    recipe.env.push(("BENTOML_HOME".to_owned(), workshop.folder("bentoml")?.display().to_string()));
    Ok(recipe)
}

/// What all of them share: the pipeline, the virtual environment `environment` with its `program`.
fn recipe(workshop: &Workshop, environment: &str, program: &str, packages: &[&str]) -> Result<Recipe> {
    let pipeline = workshop.pipeline()?; // first: without it there is no use in an environment
    let requirements = workshop.requirements(environment);
    let programs = workshop.environment(environment)?;
    let mut env: Vec<_> = workshop.python_environment().into_iter().collect();
    env.push(("LESSON_MODEL".to_owned(), pipeline.display().to_string()));
    for (name, file) in [("LESSON_ARGS", "args.json"), ("LESSON_PERFORMANCE", "performance.json")] {
        env.push((name.to_owned(), workshop.model.join(file).display().to_string()));
    }
    let pinned =
        fs::read_to_string(&requirements).map_err(|source| Error::File { path: requirements, source })?;
    Ok(Recipe {
        version: versions(&pinned, packages),
        program: programs.join(program),
        args: Vec::new(),
        env,
        directory: workshop.root.clone(),
    })
}

/// The pinned versions of some packages, as in `granian 2.8.7, fastapi 0.78.0`.
fn versions(pinned: &str, packages: &[&str]) -> String {
    let version = |package: &&str| {
        let line = pinned.lines().find_map(|line| line.strip_prefix(*package)?.strip_prefix("=="))?;
        Some(format!("{package} {line}"))
    };
    packages.iter().filter_map(version).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_those_that_are_pinned() {
        let pinned = "# x\nfastapi==0.78.0\nfastapi-cli==1\ngranian==2.8.7\n";
        assert_eq!(super::versions(pinned, &["granian", "fastapi", "none"]), "granian 2.8.7, fastapi 0.78.0");
    }
}
