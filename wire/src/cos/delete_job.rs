//! DeleteJob: `DELETE /jobs/<id>`; undocumented, but two clients call it.
//!
//! The answer is 204 without a body. Clients take any 2xx and read no body, and so does ours:
//! there is no result to write or to read.

use super::CosError;
use super::parameters::Parameters;

/// The HTTP status of the answer.
pub const STATUS: u16 = 204;

/// Reads the query: the action has no parameters.
///
/// # Errors
/// `InvalidArgument` names a parameter that is unknown.
pub fn decode_query(query: &[(String, String)]) -> Result<(), CosError> {
    Parameters::read(query, &[]).map(|_| ())
}
