//! What to try next: addresses, keys and command lines, each of which works as it is pasted.

use brigade_model::job::JobId;

use super::stage::{LISTS, REPORTS, SOURCE, Stage};

/// Everything that a newcomer needs while the demo stays.
pub(super) fn text(stage: &Stage, brigade: &str, job: JobId) -> String {
    let (service, store) = (&stage.service_keys, &stage.store_keys);
    let (url, appid) = (stage.service_url(), &stage.names.appid);
    let config = stage.config_file().display().to_string();
    let manifest = stage.folder().join("some.csv").display().to_string();
    format!(
        r#"Everything keeps running until you press ctrl-c. In another terminal:

  export BRIGADE_CONFIG={config}
  {brigade} job list
  {brigade} job describe {job}
  {brigade} job report {job} --rows 20
  {brigade} manifest list s3://{SOURCE}/2016/01/ --out {manifest}
  {brigade} job create tag --tag season=winter --manifest {manifest} --manifest-to s3://{LISTS}/ --report s3://{REPORTS}/tags
  {brigade} job watch "$({brigade} job create delete --yes --manifest {manifest} --manifest-to s3://{LISTS}/ --report s3://{REPORTS}/deletes)"

The service speaks the COS Batch dialect, so its requests are signed as COS has it (curl cannot).
With Tencent's own Python signer (pip install cos-python-sdk-v5):

  python3 - <<'END'
  import requests
  from qcloud_cos import CosConfig
  from qcloud_cos.cos_auth import CosS3Auth
  conf = CosConfig(Region="local", SecretId="{service_id}", SecretKey="{service_secret}")
  print(requests.get("{url}/jobs", headers={{"x-cos-appid": "{appid}"}}, auth=CosS3Auth(conf, "jobs")).text)
  END

  service     {url}
              appid {appid}, SecretId {service_id}, SecretKey {service_secret}
  S3 sandbox  {sandbox}
              access key {store_id}, secret key {store_secret}
"#,
        service_id = service.access_key(),
        service_secret = service.secret_key(),
        sandbox = stage.sandbox_url(),
        store_id = store.access_key(),
        store_secret = store.secret_key(),
    )
}
