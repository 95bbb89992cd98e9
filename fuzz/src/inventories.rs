//! Inventories. The first byte chooses the operation, the second the size of the pieces; then comes a
//! manifest.json and, after the first NUL, the text of its parts, separated by NULs. However a part is
//! cut, the decoder gives the same tasks or the same error.

use std::num::NonZeroUsize;

use brigade_engine::BucketRules;
use brigade_engine::manifest::inventory::rows::InventoryRows;
use brigade_engine::manifest::inventory::{FileFormat, Inventory};
use brigade_engine::manifest::row::RowError;
use brigade_model::manifest::ManifestLocation;
use brigade_model::operation::OperationKind;
use brigade_model::options::KeyEncoding;
use brigade_model::{ETag, RowRules, Task};
use brigade_wire::cos::qcs;

const OPERATIONS: [OperationKind; 2] = [OperationKind::Copy, OperationKind::Delete];

pub(crate) fn check(bytes: &[u8]) {
    let (operation, rest) = super::choose(bytes, OPERATIONS.len());
    let (piece, rest) = super::choose(rest, 32);
    let mut documents = rest.split(|byte| *byte == 0);
    let location = ManifestLocation {
        object: qcs::parse_object("qcs::cos:r:uid/1:batch-125/i/manifest.json").expect("a name as it should be"),
        version: None,
        etag: ETag::new("e").expect("an ETag as it should be"),
    };
    let json = documents.next().unwrap_or_default();
    let Ok(inventory) = Inventory::read(json, &location, &BucketRules::any()) else { return };
    let FileFormat::Csv(columns) = &inventory.format else { return };
    let rules = RowRules { key_encoding: inventory.encoding.or(Some(KeyEncoding::Raw)), ..RowRules::default() };
    let parts: Vec<&[u8]> = documents.collect();
    let read = |piece| {
        let listed = inventory.listed_rows(OPERATIONS[operation], rules).expect("an encoding is given");
        let mut rows = InventoryRows::new(columns.clone(), listed, rules);
        let mut tasks = Vec::new();
        let end = read_into(&mut tasks, &mut rows, &parts, piece);
        (tasks, rows.listed().left_out(), end.err())
    };
    let whole = read(NonZeroUsize::MAX);
    assert_eq!(whole, read(NonZeroUsize::MIN.saturating_add(piece)), "rows depend on how they arrive");
    for (task, number) in whole.0.iter().zip(0..) {
        assert_eq!(task.number, number, "tasks are not numbered in their order");
    }
}

fn read_into(
    tasks: &mut Vec<Task>,
    rows: &mut InventoryRows,
    parts: &[&[u8]],
    piece: NonZeroUsize,
) -> Result<(), RowError> {
    for part in parts {
        for mut piece in part.chunks(piece.get()) {
            while let Some(task) = rows.next(&mut piece)? {
                tasks.push(task);
            }
        }
        tasks.extend(rows.end_part()?);
    }
    Ok(())
}
