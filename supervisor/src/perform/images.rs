//! Model images: a loader started, and what it has left taken in.

use super::Performer;
use crate::fleet::{Event, Generation};
use crate::loader::{Loaded, Loader};

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
            Ok((image, loaded)) => {
                self.images.insert(generation, image);
                self.loaded = loaded.map(|loaded| (generation, loaded));
                Event::Loaded(generation)
            }
            Err(reason) => Event::LoadFailed(generation, reason),
        });
    }

    /// Tells what loading the image of `generation` took. Not before its first worker is forked: a start that fails after
    /// the load, because an address is taken, still says one line.
    pub(super) fn tell_loaded(&mut self, generation: Generation) {
        if let Some((_, loaded)) = self.loaded.take_if(|(of, _)| *of == generation) {
            let Loaded { took, image_bytes, peak_bytes } = loaded;
            let model = self.settings.of(generation).model.display();
            tracing::info!(generation, %model, ?took, image_bytes, peak_bytes, "model loaded");
        }
    }
}
