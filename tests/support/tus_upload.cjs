// Sends a file with tus-js-client, as its users do, and says on standard output what it did, a JSON object a line:
// every answer, and at last where the upload is.
//
//   node tus_upload.cjs '{"endpoint": …, "file": …, "chunkSize": …, "uploadUrl": …, "options": {…}}'

const fs = require("fs");
const path = require("path");
const tus = require("tus-js-client");

const asked = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const upload = new tus.Upload(fs.createReadStream(asked.file), {
  endpoint: asked.endpoint,
  uploadUrl: asked.uploadUrl,
  chunkSize: asked.chunkSize ?? Infinity,
  uploadSize: fs.statSync(asked.file).size,
  retryDelays: Array(600).fill(200),
  metadata: { filename: path.basename(asked.file), filetype: "video/mp4" },
  ...asked.options,
  onAfterResponse(request, response) {
    say({
      method: request.getMethod(),
      status: response.getStatus(),
      offset: response.getHeader("Upload-Offset") ?? null,
      analysis: response.getHeader("Framewitness-Analysis") ?? null,
    });
  },
  onError(error) {
    say({ error: String(error) });
    process.exit(1);
  },
  onSuccess() {
    say({ url: upload.url });
  },
});
upload.start();
