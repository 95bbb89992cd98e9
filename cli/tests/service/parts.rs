//! Objects that are uploaded in parts, and the checksum that a report must have of their parts.

use brigade_model::ports::object_store::{
    At, CompleteMultipartUpload, CreateMultipartUpload, Request as _, UploadPart,
};
use brigade_s3::simulated::SimulatedStore;
use md5::{Digest, Md5};

/// Puts an object in these parts.
pub(crate) fn put_in_parts(bucket: &SimulatedStore, at: &At, parts: &[String]) {
    let act = |call| bucket.act(call).unwrap();
    let created = act(CreateMultipartUpload { at: at.clone(), with: Box::default() }.into_call());
    let upload_id = CreateMultipartUpload::from_answer(created).unwrap();
    let put = |(part, text): (u32, &String)| {
        let (upload_id, body) = (upload_id.clone(), text.clone().into());
        let done = act(UploadPart { at: at.clone(), upload_id, part, body }.into_call());
        (part, UploadPart::from_answer(done).unwrap().etag)
    };
    let etags = (1..).zip(parts).map(put).collect();
    act(CompleteMultipartUpload::new(at.clone(), upload_id, etags).into_call());
}

/// The MD5 of the parts' MD5s with their number, in hexadecimal, as a report has it.
pub(crate) fn sum_of_parts(parts: &[String]) -> String {
    let sums = parts.iter().fold(Md5::new(), |sums, part| sums.chain_update(Md5::digest(part)));
    format!("{}-{}", hex::encode_upper(sums.finalize()), parts.len())
}
