"""Sends a file with tuspy, as its users do: a first half, then the rest as another process would that knows the URL.

tus_upload.py ENDPOINT FILE CHUNK_BYTES KEY
"""

import json
import os
import sys

from tusclient.client import TusClient

endpoint, path, chunk_bytes, key = sys.argv[1:]
headers = {"Authorization": f"Bearer {key}"}
size = os.path.getsize(path)

first = TusClient(endpoint, headers=headers).uploader(
    path, chunk_size=int(chunk_bytes), metadata={"filename": os.path.basename(path)}, upload_checksum=True
)
first.upload(stop_at=size // 2)

second = TusClient(endpoint, headers=headers).uploader(
    path, url=first.url, chunk_size=int(chunk_bytes), upload_checksum=True
)
went_on_at = second.offset
second.upload()
print(
    json.dumps(
        {
            "url": second.url,
            "stopped_at": first.offset,
            "went_on_at": went_on_at,
            "analysis": second.request.response_headers.get("framewitness-analysis"),
        }
    )
)
