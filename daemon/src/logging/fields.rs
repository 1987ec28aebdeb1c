//! The key-values of a line, with the trace id of the turn it belongs to.

use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use victus_agent::trace;

/// The key under which a line carries its trace id.
const TRACE: &str = "trace";

/// Key-values as text.
pub(super) type Fields = Vec<(String, String)>;

struct Collect(Fields);

impl<'kvs> VisitSource<'kvs> for Collect {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        self.0.push((key.as_str().to_owned(), value.to_string()));
        Ok(())
    }
}

/// The key-values of a line; the trace id of the running turn is added unless the line names one itself.
pub(super) fn of(record: &Record<'_>) -> Fields {
    let mut collect = Collect(Vec::new());
    // A value that cannot be shown loses itself and those after it; the message stays.
    record.key_values().visit(&mut collect).ok();
    let mut fields = collect.0;
    if !fields.iter().any(|(key, _)| key == TRACE)
        && let Some(current) = trace::current()
    {
        fields.push((TRACE.to_owned(), current.to_string()));
    }
    fields
}

/// The same under names that no other program's fields have.
pub(super) fn prefixed(fields: &Fields) -> Fields {
    fields.iter().map(|(key, value)| (format!("VICTUS_{}", key.to_ascii_uppercase()), value.clone())).collect()
}

/// The line with other key-values.
pub(super) fn for_journal<'a>(record: &'a Record<'a>, fields: &'a Fields) -> Record<'a> {
    Record::builder()
        .metadata(record.metadata().clone())
        .args(*record.args())
        .module_path(record.module_path())
        .file(record.file())
        .line(record.line())
        .key_values(fields)
        .build()
}
