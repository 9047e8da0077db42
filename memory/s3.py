"""`Objects` in an S3 bucket: what is written again under the same name changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from memory.breaker import ServiceUnavailable
from memory.ports import LakeFile

if TYPE_CHECKING:
    import pyarrow as pa

PART_BYTES = 8_000_000
"""Larger ones go up in parts of this size (bytes); S3 wants 5 MiB or more."""

CONNECT_S, READ_S, ATTEMPTS = 2.0, 20.0, 4
"""Bounds of one attempt (seconds), and attempts of a call (count); nobody who talks to the agent waits."""

THERE_ALREADY = "PreconditionFailed"
CONFLICT = "ConditionalRequestConflict"
CONFLICT_TRIES = 3
"""Times that a write is made again which met another of the same name."""


def open_bucket(bucket: str) -> "S3Objects":
    """Return a bucket of the account and region that boto3 finds; it is not asked yet."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    return S3Objects(boto3.client("s3", config=config), bucket)


class S3Objects:
    """`Objects` in one bucket."""

    def __init__(self, client: Any, bucket: str, *, part_bytes: int = PART_BYTES) -> None:
        """`client` is a boto3 client of S3; threads share it."""
        self._client = client
        self._bucket = bucket
        self._part_bytes = part_bytes

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Write on the condition that nothing has the name; S3 shows an object only when it is whole."""
        body = bytes(data)
        send = self._put_whole if len(body) <= self._part_bytes else self._put_parts
        with self._told():
            for _ in range(CONFLICT_TRIES):
                if self._is_settled(send, name, body):
                    return
        raise ServiceUnavailable(f"S3 bucket `{self._bucket}`", f"`{name}` is being written by others")

    def open(self, name: str) -> "pa.NativeFile":
        import pyarrow as pa

        with self._told():
            found = self._client.get_object(Bucket=self._bucket, Key=name)
            return pa.BufferReader(found["Body"].read())

    def list(self, prefix: str) -> list[LakeFile]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._told():
            return sorted(
                LakeFile(one["Key"], one["Size"])
                for page in pages.paginate(Bucket=self._bucket, Prefix=f"{prefix}/")
                for one in page.get("Contents", [])
            )

    def delete(self, name: str) -> None:
        with self._told():
            self._client.delete_object(Bucket=self._bucket, Key=name)

    def where(self, name: str) -> str:
        return f"s3://{self._bucket}/{name}"

    def _is_settled(self, send: Any, name: str, body: bytes) -> bool:
        """True when the name is there now; False when another writer was in the way."""
        from botocore.exceptions import ClientError

        try:
            send(name, body)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in (THERE_ALREADY, CONFLICT):
                raise
            return bool(code == THERE_ALREADY)
        return True

    def _put_whole(self, name: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=name, Body=body, IfNoneMatch="*")

    def _put_parts(self, name: str, body: bytes) -> None:
        place = {"Bucket": self._bucket, "Key": name}
        upload = self._client.create_multipart_upload(**place)["UploadId"]
        try:
            parts = [
                {"PartNumber": number, "ETag": self._put_part(place, upload, number, piece)["ETag"]}
                for number, piece in enumerate(_pieces(body, self._part_bytes), 1)
            ]
            self._client.complete_multipart_upload(
                **place, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            self._client.abort_multipart_upload(**place, UploadId=upload)  # else its parts are paid for
            raise

    def _put_part(self, place: dict[str, str], upload: str, number: int, piece: bytes) -> Any:
        return self._client.upload_part(**place, UploadId=upload, PartNumber=number, Body=piece)

    @contextmanager
    def _told(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise ServiceUnavailable(f"S3 bucket `{self._bucket}`", str(error)[:160]) from error


def _pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))
