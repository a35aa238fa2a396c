//! Where in the arguments the writer is.

use std::borrow::Cow;

use super::{Field, Kind, Next, Stopped, Writer};
use crate::arguments::invalid::{Invalid, Path, Step};

impl Writer<'_> {
    /// A field's name, its escapes resolved.
    pub(super) fn name(&self, field: &Field) -> Cow<'_, str> {
        let quoted = &self.text[field.name as usize..field.colon as usize];
        if field.plain {
            Cow::Borrowed(&quoted[1..quoted.len() - 1])
        } else {
            Cow::Owned(serde_json::from_str(quoted).expect("a name is a JSON string"))
        }
    }

    /// The fields that the innermost object or array stands in, the outermost first.
    pub(super) fn open_fields(&self) -> impl DoubleEndedIterator<Item = &Field> {
        let inner = self.frames.windows(2).filter(|pair| pair[1].fields > pair[0].fields);
        inner.map(|pair| &self.fields[pair[1].fields - 1])
    }

    /// The steps to the value that is being written, or was written last, each with whether it
    /// leads into a secret.
    fn steps(&self) -> impl Iterator<Item = (Step<'_>, bool)> {
        let ends = self.frames.iter().skip(1).map(|frame| frame.fields);
        let frames = self.frames.iter().zip(ends.chain([self.fields.len()]));
        frames.filter_map(|(frame, end)| match frame.kind {
            Kind::Object => {
                let field = self.fields[frame.fields..end].last()?;
                Some((Step::Name(self.name(field)), field.secret))
            }
            Kind::Array => Some((Step::Index(frame.len.checked_sub(1)?), false)),
        })
    }

    pub(super) fn pointer(&self) -> String {
        Step::pointer(&self.steps().map(|(step, _)| step).collect::<Vec<_>>())
    }

    /// The path to the value that is being written, and to a field in it. It ends at a secret: what
    /// is inside is not named either.
    fn path(&self, last: Option<&str>) -> Path {
        let mut steps = Vec::new();
        for (step, secret) in self.steps() {
            steps.push(step);
            if secret {
                return Path::of(&steps);
            }
        }
        steps.extend(last.map(Step::name));
        Path::of(&steps)
    }

    /// Ends writing with an error at the value that is being written.
    #[cold]
    pub(in crate::arguments) fn stop(&mut self, error: impl FnOnce(Path) -> Invalid) -> Stopped {
        if self.error.is_none() {
            self.error = Some(error(self.path(None)));
        }
        self.next = Next::Nothing;
        Stopped
    }

    /// Ends writing with an error at a field of the innermost object.
    #[cold]
    pub(super) fn stop_at(&mut self, name: &str, error: impl FnOnce(Path) -> Invalid) -> Stopped {
        // The object's last field, if it has one, is not on the way to this one.
        let frame = self.frames.last().expect("the top level stays open");
        self.fields.truncate(frame.fields);
        let path = self.path(Some(name));
        self.stop(|_| error(path))
    }
}
