//! Migrations: records of an older schema become records of this one.
//!
//! Owns the table of migrations and the way they are applied: one version at a time, record by record, in batches. Each
//! record carries its own schema version, so that a migration that was cut short goes on where it was. A program never
//! goes back: a database with a newer schema is refused before anything is written.

use super::engine::{Engine, Fault, Write};
use super::record::{self, SCHEMA, Tree};

/// Records per batch.
const BATCH: usize = 256;

/// One step: from schema `from` to `from + 1`.
pub(super) struct Migration {
    pub(super) from: u16,
    pub(super) apply: Apply,
}

/// Makes a payload one of the next schema; none removes the record. An error says what is wrong with it.
type Apply = fn(tree: Tree, key: &[u8], payload: &[u8]) -> Result<Option<Vec<u8>>, String>;

/// All migrations there are. Schema 1 is the first, so there is none yet to come from.
pub(super) const MIGRATIONS: &[Migration] = &[];

/// Brings every record below [`SCHEMA`] up to it. Returns how many there were. A record that no migration takes stays as it
/// is, and is then reported as damaged.
pub(super) fn migrate(engine: &Engine, migrations: &[Migration]) -> Result<u64, Fault> {
    let (mut migrated, mut after) = (0, Vec::new());
    loop {
        let (mut writes, mut last) = (Vec::new(), None);
        engine.visit(&after, |sled_key, value| {
            if let Some(write) = record::decode(sled_key, value).and_then(|record| step_up(&record, migrations)) {
                writes.push(write);
            }
            last = Some(sled_key.to_vec());
            writes.len() < BATCH
        })?;
        migrated += writes.len() as u64;
        engine.apply(&writes)?;
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    if migrated > 0 {
        engine.sync()?;
        log::info!("{migrated} records were brought up to schema {SCHEMA}");
    }
    Ok(migrated)
}

fn step_up(record: &record::Record<'_>, migrations: &[Migration]) -> Option<Write> {
    if record.schema >= SCHEMA {
        return None;
    }
    let mut payload = record.payload.to_vec();
    for schema in record.schema..SCHEMA {
        let migration = migrations.iter().find(|migration| migration.from == schema)?;
        match (migration.apply)(record.tree, record.key, &payload) {
            Ok(Some(next)) => payload = next,
            Ok(None) => return Some(Write { tree: record.tree, key: record.key.to_vec(), value: None }),
            Err(why) => {
                let key = String::from_utf8_lossy(record.key);
                log::error!("{} `{key}` cannot be brought from schema {schema} to the next: {why}", record.tree.name());
                return None;
            }
        }
    }
    Some(Write { tree: record.tree, key: record.key.to_vec(), value: Some(payload.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::Found;

    /// Schema 0 of this test wrote a number; schema 1 writes an object. `gone` is no longer kept, `bad` is no number.
    const FAKE: &[Migration] = &[Migration {
        from: 0,
        apply: |_, key, payload| match serde_json::from_slice::<u64>(payload) {
            _ if key == b"gone" => Ok(None),
            Ok(number) => Ok(Some(format!("{{\"number\":{number}}}").into_bytes())),
            Err(error) => Err(error.to_string()),
        },
    }];

    fn write(key: &str, value: &str) -> Write {
        Write { tree: Tree::Meta, key: key.into(), value: Some(value.as_bytes().into()) }
    }

    fn read(engine: &Engine, key: &str) -> Option<Result<String, ()>> {
        engine.get(Tree::Meta, key.as_bytes()).unwrap().map(|found| match found {
            Found::Record { payload, .. } => Ok(String::from_utf8(payload).unwrap()),
            Found::Damaged { .. } => Err(()),
        })
    }

    #[test]
    fn records_of_an_older_schema_are_brought_up_once_and_the_rest_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(&folder.path().join("db")).unwrap();
        let many: Vec<Write> = (0..600).map(|n| write(&format!("n{n:03}"), &n.to_string())).collect();
        engine.apply_as(0, &many).unwrap();
        engine.apply_as(0, &[write("gone", "1"), write("bad", "\"x\"")]).unwrap();
        engine.apply(&[write("now", "7")]).unwrap();
        assert_eq!(migrate(&engine, FAKE), Ok(601));
        assert_eq!(read(&engine, "n599"), Some(Ok("{\"number\":599}".to_owned())));
        assert_eq!(read(&engine, "now"), Some(Ok("7".to_owned())));
        assert_eq!((read(&engine, "gone"), read(&engine, "bad")), (None, Some(Err(()))));
        assert_eq!(migrate(&engine, FAKE), Ok(0));
    }
}
