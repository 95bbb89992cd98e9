//! Parts of inventories in Parquet. The first byte chooses the operation, the second how many bytes of a column
//! are read at once; then comes the file. However it is read, the decoder gives the same tasks or the same
//! error.

use brigade_engine::manifest::ManifestProblem;
use brigade_engine::manifest::inventory::listed::ListedRows;
use brigade_engine::manifest::inventory::parquet::{ParquetPart, ParquetRow, PartBytes};
use brigade_model::Task;
use brigade_model::operation::OperationKind;
use brigade_model::options::KeyEncoding;
use bytes::{Bytes, BytesMut};
use futures::executor::block_on;

const OPERATIONS: [OperationKind; 2] = [OperationKind::Copy, OperationKind::Delete];

/// Rows that are read of one input: a run of a few bytes may stand for two thousand million.
const ROWS_MAX: usize = 20_000;

/// A file of which so many bytes of a column are read at once.
struct Pieces(Bytes, u64);

impl PartBytes for Pieces {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn range_bytes(&self) -> u64 {
        self.1
    }

    async fn read(&self, from: u64, to: u64, into: &mut BytesMut) -> Result<(), ManifestProblem> {
        self.0.read(from, to, into).await
    }
}

pub(crate) fn check(bytes: &[u8]) {
    let (operation, rest) = super::choose(bytes, OPERATIONS.len());
    let (piece, rest) = super::choose(rest, 256);
    let file = Bytes::copy_from_slice(rest);
    let read = |piece: u64| {
        let mut rows = ListedRows::new(None, KeyEncoding::Raw, OPERATIONS[operation], None);
        let mut tasks = Vec::new();
        let end = block_on(read_into(&mut tasks, &mut rows, Pieces(file.clone(), piece)));
        (tasks, rows.left_out(), end.err())
    };
    let whole = read(u64::MAX);
    assert_eq!(whole, read(1 + piece as u64), "rows depend on how they arrive");
    for (task, number) in whole.0.iter().zip(0..) {
        assert_eq!(task.number, number, "tasks are not numbered in their order");
    }
}

async fn read_into(tasks: &mut Vec<Task>, rows: &mut ListedRows, file: Pieces) -> Result<(), ManifestProblem> {
    let mut part = ParquetPart::open(file).await?;
    rows.set_has_versions(part.has_versions());
    for _ in 0..ROWS_MAX {
        match part.next(rows).await? {
            Some(ParquetRow::Task(task)) => tasks.push(task),
            Some(ParquetRow::LeftOut) => {}
            None => break,
        }
    }
    Ok(())
}
