//! Settings of endpoints.

use brigade_model::endpoint::EndpointRow;
use brigade_model::ports::job_store::SetEndpointError;

use super::jobs::State;

impl State {
    pub(super) fn endpoints(&self) -> Vec<EndpointRow> {
        self.endpoints.values().cloned().collect()
    }

    pub(super) fn set_endpoint(&mut self, row: &EndpointRow) -> Result<EndpointRow, SetEndpointError> {
        if self.endpoints.get(&row.endpoint).map_or(0, |stored| stored.revision) != row.revision {
            return Err(SetEndpointError::Lost);
        }
        let written = EndpointRow { revision: row.revision + 1, ..row.clone() };
        self.endpoints.insert(row.endpoint.clone(), written.clone());
        Ok(written)
    }
}
