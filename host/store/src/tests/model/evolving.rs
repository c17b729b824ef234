//! The steps of a history in which the table evolves, and what must hold then: rows become what their values
//! become, older shapes are read where they were in force and nowhere else.

use super::kinds::{Kind, Stage};
use super::*;
use crate::Evolution;
use interstice_codec::row::{Layout, decode_all, encode_all};

/// A shape that the table has or has had.
pub(super) struct Face {
    pub(super) stage: usize,
    pub(super) table: TableHandle,
    pub(super) layout: Layout,
}

impl Face {
    pub(super) fn new(kind: &Kind, stage: usize, table: TableHandle) -> Self {
        Self { stage, table, layout: Layout::new(&kind.stages[stage].definition.columns) }
    }
}

fn evolution(stage: &Stage) -> Evolution {
    Evolution { definition: stage.definition.clone(), columns: stage.columns.clone() }
}

impl Run<'_> {
    /// What a table becomes in the next stage.
    fn evolved(&self, plain: &Plain, face: usize) -> Plain {
        let stage = self.faces[plain.face].stage;
        let (old, new) = (&self.kind.stages[stage], &self.kind.stages[stage + 1]);
        let rows = plain.rows.iter().map(|(key, row)| {
            let values = decode_all(row, &old.definition.columns).unwrap();
            let mut row = Vec::new();
            encode_all(&(new.convert)(values), &new.definition.columns, &mut row).unwrap();
            (key.clone(), row)
        });
        Plain { rows: rows.collect(), counter: plain.counter, face, evolved: plain.evolved.clone() }
    }

    fn has_duplicates(&self, plain: &Plain) -> bool {
        self.definition(plain).indexes.iter().filter(|index| index.unique).any(|index| {
            let keys = plain.rows.values().map(|row| self.key_of(plain, &index.columns, row));
            keys.collect::<std::collections::BTreeSet<_>>().len() < plain.rows.len()
        })
    }

    pub(super) fn evolve(&mut self) {
        let before = self.now.clone();
        let (stage, table) = (self.faces[before.face].stage + 1, self.table().clone());
        let Some(next) = self.kind.stages.get(stage) else { return };
        let result = self.writing().evolve(&table, &evolution(next));
        // The keys of the plain table are looked at through a face of the new stage, whoever's it is.
        let handle = result.clone().unwrap_or_else(|_| table.clone());
        self.faces.push(Face::new(self.kind, stage, handle));
        let mut now = self.evolved(&before, self.faces.len() - 1);
        if let Err(error) = result {
            assert!(matches!(error, StoreError::NotUnique { .. }), "{error}");
            assert!(self.has_duplicates(&now), "{error}");
            return;
        }
        assert!(!self.has_duplicates(&now));
        let row = (self.kind.stages[stage - 1].row)((0, 0, 0));
        let since = table.since();
        let refused = Err(StoreError::OtherShape { table: table.name().to_owned(), since });
        assert_eq!(self.writing().upsert(&table, &row), refused);
        now.evolved.push(Rc::new(before));
        self.now = now;
        // What is a moment for scans: one that is opened from now on ends where this is rolled back.
    }

    /// Has the copy evolve as the transaction that commits did, and returns what was there before it, in the
    /// shape that it has now.
    pub(super) fn follow(&mut self, version: Version, recording: Recording) -> Plain {
        let mut before = self.versions.values().next_back().unwrap().clone();
        let mut faces: Vec<_> = self.now.evolved.iter().skip(1).map(|plain| plain.face).collect();
        faces.extend((!self.now.evolved.is_empty()).then_some(self.now.face));
        for face in faces {
            let stage = &self.kind.stages[self.faces[face].stage];
            let (copy, table) = &self.copy;
            let evolved = copy.evolve(version, table, &evolution(stage), recording).unwrap();
            self.copy.1 = evolved;
            before = self.evolved(&before, face);
            while self.copy.0.purge(1000) {}
        }
        before
    }

    /// A reader is not given a table in a shape of another version.
    pub(super) fn refuses_other_faces(&self, reader: &Reader, plain: &Plain) {
        let newest = self.versions.values().next_back().unwrap();
        for other in [newest, &self.now] {
            if other.face != plain.face {
                let table = &self.faces[other.face].table;
                let (name, since) = (table.name().to_owned(), table.since());
                assert_eq!(reader.count(table), Err(StoreError::OtherShape { table: name, since }));
            }
        }
    }
}
