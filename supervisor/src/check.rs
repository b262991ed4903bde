//! `linnet check`: are settings and model good? Binds nothing, forks nothing.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use linnet::model::{self, Model, ModelError};

use crate::cli::CheckArgs;

/// Settings or usage are wrong: the status that clap uses too.
pub(crate) const BAD_SETTINGS: u8 = 2;
/// The model cannot be served.
pub(crate) const BAD_MODEL: u8 = 1;

/// Checks, and reports as nginx does: the verdict goes to `err`, so that `out` holds the settings alone.
pub(crate) fn run(args: CheckArgs, out: &mut impl Write, err: &mut impl Write) -> ExitCode {
    let effective = match args.settings.loader().load().and_then(|e| e.enter_directory().map(|()| e)) {
        Ok(effective) => effective,
        Err(problems) => {
            say(err, &problems.to_string());
            return ExitCode::from(BAD_SETTINGS);
        }
    };
    if args.print {
        // Where nobody reads on (`| head`), the exit status still tells.
        let _ = out.write_all(effective.print().as_bytes()).and_then(|()| out.flush());
    }
    say(err, "config OK");
    match describe(&effective.settings.model) {
        Ok(model) => {
            say(err, &format!("model OK: {model}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(err, &error.to_string());
            ExitCode::from(BAD_MODEL)
        }
    }
}

/// Loads the model as a start would, probe texts included; in one line, what it is.
fn describe(directory: &Path) -> Result<String, ModelError> {
    let image = model::build_image(directory)?;
    let model = Model::from_image(image.as_bytes()).map_err(|defect| defect.of(directory))?;
    let (features, classes) = (model.features(), model.classes().len());
    Ok(format!("{} {}, {features} features, {classes} classes", model.name(), model.version()))
}

fn say(err: &mut impl Write, line: &str) {
    // A closed standard error must not turn a good answer into a failure.
    let _ = writeln!(err, "{line}");
}
