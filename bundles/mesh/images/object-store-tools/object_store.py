"""What the S3 tools of both object stores share. Keys are read from /keys/access and /keys/secret."""

import pathlib

import boto3
import botocore.config
import botocore.exceptions

WORKERS = 8


def client_of(url: str):
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=pathlib.Path("/keys/access").read_text().strip(),
        aws_secret_access_key=pathlib.Path("/keys/secret").read_text().strip(),
        config=botocore.config.Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            proxies={},
            max_pool_connections=WORKERS,
            retries={"mode": "standard", "max_attempts": 5},
            # Ceph's gateway knows the older checksums only.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def answer(call, absent: str, **arguments) -> dict:
    """The answer, or nothing when the store says that there is none."""
    try:
        return call(**arguments)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == absent:
            return {}
        raise


def is_locked(s3, bucket: str) -> bool:
    return bool(answer(s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", Bucket=bucket))
