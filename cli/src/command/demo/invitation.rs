//! What to try next: addresses, keys and command lines, each of which works as it is pasted.

use std::path::Path;

use brigade_model::job::JobId;

use super::stage::{SOURCE, Stage};

/// Everything that a newcomer needs while the demo stays. `programs` is the folder of this
/// program.
pub(super) fn text(stage: &Stage, programs: &Path, job: JobId) -> String {
    let (service, store) = (&stage.service_keys, &stage.store_keys);
    format!(
        r#"Everything keeps running until you press ctrl-c. In another terminal:

cd {folder}
export PATH="{programs}:$PATH"
brigade job list
brigade job describe {job}
brigade job report {job} --rows 20
brigade job create tag s3://{SOURCE}/2016/01/ --tag season=winter --add
brigade manifest list s3://{SOURCE}/2016/01/ --out some.csv
brigade job watch $(brigade job create delete --yes --manifest some.csv)

Requests are signed as Tencent COS has it, so plain curl cannot make them. In
Python, with Tencent's own signer (pip install cos-python-sdk-v5):

python3 - <<'END'
import requests
from qcloud_cos import CosConfig
from qcloud_cos.cos_auth import CosS3Auth
config = CosConfig(Region="local",
                   SecretId="{service_id}",
                   SecretKey="{service_secret}")
answer = requests.get("{url}/jobs",
                      headers={{"x-cos-appid": "{appid}"}},
                      auth=CosS3Auth(config, "/jobs"))
print(answer.text)
END

service     {url}
            appid       {appid}
            SecretId    {service_id}
            SecretKey   {service_secret}
metrics     {metrics}
S3 sandbox  {sandbox}
            access key  {store_id}
            secret key  {store_secret}
"#,
        folder = stage.folder().display(),
        programs = programs.display(),
        url = stage.service_url(),
        metrics = stage.metrics_url().unwrap_or_default(),
        appid = stage.names.appid,
        service_id = service.access_key(),
        service_secret = service.secret_key(),
        sandbox = stage.sandbox_url(),
        store_id = store.access_key(),
        store_secret = store.secret_key(),
    )
}
