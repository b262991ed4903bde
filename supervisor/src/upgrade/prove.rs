//! A child that shows whether this program could take its parent's place: it goes as far as it can without serving.

use std::io::{self, Write as _};
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;

use linnet::model::Model;
use linnet::process::image_file::map_image;
use linnet::process::shared_memory::memory_file;
use linnet::scoreboard::Layout;

use super::beside::verdict;
use super::estate::Inheritance;
use crate::loader::load;
use crate::os::inherited;
use crate::settings::SettingsBook;

/// What such a child was given.
pub(crate) struct Proof {
    channel: UnixStream,
    inheritance: Result<Inheritance, String>,
}

impl Proof {
    pub(super) fn adopt(channel: RawFd, estate: RawFd) -> io::Result<Self> {
        let channel = UnixStream::from(inherited::adopt(channel)?);
        Ok(Self { channel, inheritance: Inheritance::adopt(estate).map_err(|e| e.to_string()) })
    }

    /// The settings of the parent that only a restart can change.
    pub(crate) fn inheritance(&self) -> Option<&Inheritance> {
        self.inheritance.as_ref().ok()
    }

    /// Tells the parent why not.
    pub(crate) fn tell_failure(&mut self, reason: &str) {
        // A parent that is gone needs to know nothing.
        let _ = self.channel.write_all(&verdict(Err(reason)));
    }

    /// Shows it, tells the parent, and says whether it could.
    pub(crate) fn give(mut self: Box<Self>, settings: &SettingsBook) -> bool {
        let outcome = self.prove(settings);
        let said = self.channel.write_all(&verdict(outcome.as_ref().copied().map_err(String::as_str)));
        outcome.is_ok() && said.is_ok()
    }

    fn prove(&self, settings: &SettingsBook) -> Result<(), String> {
        let inheritance = self.inheritance.as_ref()?;
        if inheritance.layout != Layout::of(inheritance.layout.seats) {
            return Err(
                "the scoreboard of this program has another layout: only a restart can change it".to_owned()
            );
        }
        let directory = &settings.running().model;
        let in_memory = |error: io::Error| format!("cannot map the model image: {error}");
        let file = memory_file("linnet-proof").map_err(in_memory)?;
        load(directory, None, &file)?;
        let image = map_image(&file).map_err(in_memory)?;
        let model = Model::from_image(image).map_err(|defect| defect.of(directory).to_string())?;
        model.prove().map_err(|defect| defect.of(directory).to_string())
    }
}
