//! Model images: a loader started, and what it has left taken in.

use super::Performer;
use crate::fleet::{Event, Generation};
use crate::loader::Loader;

impl Performer {
    pub(super) fn load(&mut self, generation: Generation) {
        let settings = self.settings.of(generation);
        let name = format!("{}-load", settings.proc_name);
        match Loader::start(generation, &settings.model, self.identity.as_ref(), &name) {
            Ok(loader) => self.loader = Some(loader),
            Err(error) => {
                let reason = format!("cannot start the model loader: {error}");
                self.events.push_back(Event::LoadFailed(generation, reason));
            }
        }
    }

    pub(super) fn collect_loader(&mut self) {
        let Some(exit) = self.loader.as_ref().and_then(Loader::try_wait) else { return };
        let Some(loader) = self.loader.take() else { return };
        let generation = loader.generation();
        self.events.push_back(match loader.result(exit) {
            Ok(image) => {
                self.images.insert(generation, image);
                Event::Loaded(generation)
            }
            Err(reason) => Event::LoadFailed(generation, reason),
        });
    }
}
