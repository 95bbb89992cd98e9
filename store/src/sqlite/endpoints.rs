//! Settings of endpoints: a row each, the settings in one document.

use brigade_model::endpoint::EndpointRow;
use brigade_model::ports::job_store::SetEndpointError;
use rusqlite::{Connection, Row};

use super::column::{Count, Json, Text};
use super::writer::{Acted, refuse};

pub(super) const READ_ENDPOINTS: &str = "SELECT name, revision, settings FROM endpoint ORDER BY name";

/// Writes nothing where the stored revision is another than the one expected.
pub(super) const SET_ENDPOINT: &str = "INSERT INTO endpoint (name, revision, settings)
    SELECT ?1, ?2 + 1, ?3 WHERE ?2 = coalesce((SELECT revision FROM endpoint WHERE name = ?1), 0)
    ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, settings = excluded.settings";

pub(super) fn endpoints(connection: &Connection) -> rusqlite::Result<Vec<EndpointRow>> {
    connection.prepare_cached(READ_ENDPOINTS)?.query_map((), read_row)?.collect()
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<EndpointRow> {
    Ok(EndpointRow {
        endpoint: row.get::<_, Text<_>>(0)?.0,
        revision: row.get::<_, Count>(1)?.0,
        settings: row.get::<_, Json<_>>(2)?.0,
    })
}

pub(super) fn set_endpoint(connection: &Connection, row: EndpointRow) -> Acted<EndpointRow, SetEndpointError> {
    let values = (row.endpoint.as_str(), Count(row.revision), Json(&row.settings));
    if connection.prepare_cached(SET_ENDPOINT)?.execute(values)? == 0 {
        return refuse(SetEndpointError::Lost);
    }
    Ok(EndpointRow { revision: row.revision + 1, ..row })
}
