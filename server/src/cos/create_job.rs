//! CreateJob.

use axum::body::Body;
use brigade_model::Dialect;
use brigade_wire::cos::{CosError, create_job};

use crate::api::Api;
use crate::cos::answer::Answer;
use crate::cos::auth::Authenticated;
use crate::cos::errors::Failure;
use crate::cos::options;
use crate::request::RequestHead;

impl Api {
    pub(super) async fn create_job(
        &self,
        head: &RequestHead,
        by: &Authenticated,
        body: Body,
    ) -> Result<Answer, Failure> {
        let is_body_signed = head.has_header("content-md5") && by.has_signed("content-md5");
        if self.rules.require_content_md5 && !is_body_signed {
            return Err(CosError::access_denied("CreateJob must send its Content-MD5, signed").into());
        }
        let body = self.read_body(head, body).await?;
        create_job::decode_query(&head.query())?;
        let mut spec = create_job::decode_request(&body)?;
        spec.options = options::read(head, by)?;
        spec.check_options().map_err(CosError::invalid_option)?;
        let job = self.job_service.create_job(&by.caller, Dialect::Cos, spec).await?;
        Ok(Answer::document(create_job::encode_result(job.id)))
    }
}
