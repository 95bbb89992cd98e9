// The life of a job, told by a program that uses the official COS SDK for Node.js, which has no calls for jobs of
// its own: its general call builds, signs and sends each request, and reads the answer. Every step asserts.
//
//     node tests/clients/life.js
//
// with the environment: NODE_PATH (where the SDK is), BATCH_URL, APPID, UIN, SECRET_ID, SECRET_KEY (the service), ROLE,
// MANIFEST, MANIFEST_ETAG (a list of objects in the bucket `batch`, and how many they are: ROWS).

'use strict';

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');

const COS = require('cos-nodejs-sdk-v5');

const { BATCH_URL, APPID, UIN, ROLE, SECRET_ID, SECRET_KEY, MANIFEST, MANIFEST_ETAG, ROWS } = process.env;

const OURS = new COS({ SecretId: SECRET_ID, SecretKey: SECRET_KEY });

/** One call; gives what the SDK makes of the answer. */
function call(Method, path, Query = {}, Body = undefined, cos = OURS) {
  const Headers = { 'x-cos-appid': APPID };
  if (Body !== undefined) Headers['Content-Type'] = 'application/xml';
  return new Promise((resolve, reject) => {
    cos.request({ Method, Url: `${BATCH_URL}${path}`, Query, Headers, Body }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

async function refused(status, code, calling) {
  const error = await calling.then(assert.fail, (error) => error);
  assert.deepEqual([error.statusCode, error.code], [status, code], error.message);
  assert.ok(error.headers['x-cos-request-id'] && error.headers['x-cos-trace-id']);
}

function jobXml(operation) {
  return `<CreateJobRequest>
<ClientRequestToken>${randomUUID()}</ClientRequestToken>
<ConfirmationRequired>true</ConfirmationRequired>
<Description>told by a client; &#22825;</Description>
<Manifest><Location><ETag>${MANIFEST_ETAG.replaceAll('"', '&quot;')}</ETag>
<ObjectArn>qcs::cos:local:uid/${APPID}:batch/${MANIFEST}</ObjectArn></Location>
<Spec><Fields><member>Bucket</member><member>Key</member></Fields>
<Format>COSBatchOperations_CSV_V1</Format></Spec></Manifest>
<Operation>${operation}</Operation>
<Priority>3</Priority>
<Report><Bucket>qcs::cos:local:uid/${APPID}:batch</Bucket><Enabled>true</Enabled><Format>Report_CSV_V1</Format>
<Prefix>reports</Prefix><ReportScope>AllTasks</ReportScope></Report>
<RoleArn>qcs::cam::uin/${UIN}:roleName/${ROLE}</RoleArn>
</CreateJobRequest>`;
}

async function create(operation) {
  const created = await call('POST', '/jobs', {}, jobXml(operation));
  assert.equal(created.statusCode, 200);
  return created.CreateJobResult.JobId;
}

/** Polls DescribeJob, as such programs do, until the job has that status. */
async function wait(job, status) {
  for (let looks = 0; looks < 600; looks += 1) {
    const described = (await call('GET', `/jobs/${job}`)).DescribeJobResult.Job;
    if (described.Status === status) return described;
    await sleep(100);
  }
  return assert.fail(`the job never is ${status}`);
}

/** Created, suspended, made urgent, confirmed, complete. */
async function lifeOfACopy() {
  const copy = `<TargetResource>qcs::cos:local:uid/${APPID}:backup</TargetResource>`;
  const job = await create(`<COSPutObjectCopy>${copy}</COSPutObjectCopy>`);
  const suspended = await wait(job, 'Suspended');
  assert.equal(suspended.Description, 'told by a client; 天');
  const urgent = await call('POST', `/jobs/${job}/priority`, { priority: 7 });
  assert.equal(Number(urgent.UpdateJobPriorityResult.Priority), 7);
  const query = { requestedJobStatus: 'Ready', statusUpdateReason: "it's time: é+~*()!" };
  const confirmed = (await call('POST', `/jobs/${job}/status`, query)).UpdateJobStatusResult;
  assert.deepEqual([confirmed.Status, confirmed.StatusUpdateReason], ['Ready', query.statusUpdateReason]);
  const complete = await wait(job, 'Complete');
  const { NumberOfTasksSucceeded, NumberOfTasksFailed } = complete.ProgressSummary;
  assert.deepEqual([NumberOfTasksSucceeded, NumberOfTasksFailed].map(Number), [Number(ROWS), 0]);
  return job;
}

/** A list, a cancel, a delete. */
async function listsAndEnds(copied) {
  const job = await create('<COSDeleteObject/>');
  await wait(job, 'Suspended');
  const page = (await call('GET', '/jobs', { maxResults: 1, jobStatuses: 'Complete' })).ListJobsResult;
  assert.equal(page.Jobs.member.JobId, copied);
  const cancelled = await call('POST', `/jobs/${job}/status`, { requestedJobStatus: 'Cancelled' });
  assert.equal(cancelled.UpdateJobStatusResult.Status, 'Cancelled');
  const deleted = await call('DELETE', `/jobs/${job}`);
  assert.ok([200, 204].includes(deleted.statusCode));
  await refused(404, 'NoSuchJob', call('GET', `/jobs/${job}`));
}

/** What bad requests get, as the SDK tells it. */
async function errors() {
  const wrong = new COS({ SecretId: SECRET_ID, SecretKey: 'wrong' });
  await refused(403, 'SignatureDoesNotMatch', call('GET', '/jobs', {}, undefined, wrong));
  const nobody = new COS({ SecretId: 'AKIDnobody', SecretKey: 'wrong' });
  await refused(403, 'InvalidAccessKeyId', call('GET', '/jobs', {}, undefined, nobody));
  await refused(400, 'InvalidArgument', call('GET', '/jobs', { jobStatuses: 'Sleeping' }));
  await refused(400, 'MalformedXML', call('POST', '/jobs', {}, '<CreateJobRequest><Priority>'));
}

async function tell() {
  const copied = await lifeOfACopy();
  await listsAndEnds(copied);
  await errors();
  console.log('told');
}

tell().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
