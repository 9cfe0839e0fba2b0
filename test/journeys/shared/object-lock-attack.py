"""object-lock-attack URL BUCKET: every S3 call that could remove or shorten what is locked, by everyone.

Runs in an image that has the S3 tools. /keys holds the files object-store-<account>.access and .secret. A victim is
written to BUCKET under COMPLIANCE lock for a quarter of an hour, with a legal hold besides; after each attempt it is read
again as the control plane: its bytes, mode, date, and the bucket's lock and versioning. Prints one JSON object a line:
{"attack", "as", "answer": "accepted" or the refusal's code, "held": true or what was lost}.
"""

import datetime
import hashlib
import json
import pathlib
import secrets
import sys
import uuid

import boto3
import botocore
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import botocore.httpsession

URL, BUCKET = sys.argv[1:]
KEY = f"attack/{uuid.uuid4()}"
BODY = secrets.token_bytes(4096)
UNTIL = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=15)).replace(microsecond=0)
SOON = UNTIL - datetime.timedelta(minutes=14)
LOCK = {"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL}
EVERYBODY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:*"], "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}]}
EXPIRY = {"Rules": [{"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}]}


def keys_of(account: str):
    if account == "unknown":
        return secrets.token_hex(10), secrets.token_hex(20)
    return tuple(pathlib.Path(f"/keys/object-store-{account}.{part}").read_text().strip() for part in ("access", "secret"))


def client_of(account: str):
    keys = (None, None) if account == "nobody" else keys_of(account)
    config = botocore.config.Config(
        signature_version=botocore.UNSIGNED if account == "nobody" else "s3v4",
        s3={"addressing_style": "path"},
        proxies={},
        retries={"mode": "standard", "max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=URL, region_name="us-east-1", aws_access_key_id=keys[0], aws_secret_access_key=keys[1], config=config)


def raw(account: str, method: str, path: str, headers: dict | None = None) -> None:
    """A request that no S3 library makes."""
    request = botocore.awsrequest.AWSRequest(method, URL.rstrip("/") + path, headers={**(headers or {}), "x-amz-content-sha256": hashlib.sha256(b"").hexdigest()})
    if account != "nobody":
        botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(*keys_of(account)), "s3", "us-east-1").add_auth(request)
    answer = botocore.httpsession.URLLib3Session(proxies={}).send(request.prepare())
    if answer.status_code >= 300:
        raise botocore.exceptions.ClientError({"Error": {"Code": f"HTTP {answer.status_code}"}}, method)


control = client_of("control-plane")
VERSION = control.put_object(Bucket=BUCKET, Key=KEY, Body=BODY, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=UNTIL, ObjectLockLegalHoldStatus="ON")["VersionId"]
OTHER = control.put_object(Bucket=BUCKET, Key=f"{KEY}-other", Body=b"other", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=UNTIL)["VersionId"]
THE = {"Bucket": BUCKET, "Key": KEY}
IT = {**THE, "VersionId": VERSION}


def multipart(s3) -> None:
    upload = s3.create_multipart_upload(**THE)["UploadId"]
    part = s3.upload_part(**THE, UploadId=upload, PartNumber=1, Body=b"forged")
    s3.complete_multipart_upload(**THE, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})


def public_then_nobody(s3) -> None:
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(EVERYBODY))
    client_of("nobody").delete_object(**IT, BypassGovernanceRetention=True)


ATTACKS = {
    "delete the version": lambda s3, _: s3.delete_object(**IT),
    "delete the version, bypassing governance": lambda s3, _: s3.delete_object(**IT, BypassGovernanceRetention=True),
    "delete several versions at once": lambda s3, _: several(s3, BypassGovernanceRetention=False),
    "delete several versions at once, bypassing governance": lambda s3, _: several(s3, BypassGovernanceRetention=True),
    "delete the version called null": lambda s3, _: s3.delete_object(**THE, VersionId="null"),
    "delete the object": lambda s3, _: s3.delete_object(**THE),
    "shorten the retention": lambda s3, _: s3.put_object_retention(**IT, Retention={**LOCK, "RetainUntilDate": SOON}),
    "shorten the retention, bypassing governance": lambda s3, _: s3.put_object_retention(**IT, Retention={**LOCK, "RetainUntilDate": SOON}, BypassGovernanceRetention=True),
    "change the mode to governance": lambda s3, _: s3.put_object_retention(**IT, Retention={**LOCK, "Mode": "GOVERNANCE"}),
    "change the mode to governance, bypassing governance": lambda s3, _: s3.put_object_retention(**IT, Retention={**LOCK, "Mode": "GOVERNANCE"}, BypassGovernanceRetention=True),
    "remove the retention": lambda s3, _: s3.put_object_retention(**IT, Retention={}),
    "remove the retention, bypassing governance": lambda s3, _: s3.put_object_retention(**IT, Retention={}, BypassGovernanceRetention=True),
    "switch the legal hold off": lambda s3, _: s3.put_object_legal_hold(**IT, LegalHold={"Status": "OFF"}),
    "delete the version without its legal hold": lambda s3, _: s3.delete_object(**IT, BypassGovernanceRetention=True),
    "overwrite it": lambda s3, _: s3.put_object(**THE, Body=b"forged"),
    "overwrite it with a lock that ends sooner": lambda s3, _: s3.put_object(**THE, Body=b"forged", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=SOON),
    "overwrite it in parts": lambda s3, _: multipart(s3),
    "copy it over itself": lambda s3, _: s3.copy_object(**THE, CopySource=IT, MetadataDirective="REPLACE", Metadata={"forged": "yes"}),
    "copy another over it": lambda s3, _: s3.copy_object(**THE, CopySource={"Bucket": BUCKET, "Key": f"{KEY}-other", "VersionId": OTHER}),
    "change its tags": lambda s3, _: s3.put_object_tagging(**IT, Tagging={"TagSet": [{"Key": "forged", "Value": "yes"}]}),
    "give it to everybody": lambda s3, _: s3.put_object_acl(**IT, ACL="public-read-write"),
    "suspend versioning": lambda s3, _: s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}),
    "switch the bucket's lock off": lambda s3, _: s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={}),
    "make governance the bucket's default": lambda s3, _: s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}),
    "have everything expire": lambda s3, _: s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=EXPIRY),
    "replicate the bucket elsewhere": lambda s3, _: s3.put_bucket_replication(Bucket=BUCKET, ReplicationConfiguration={"Role": "", "Rules": [{"ID": "all", "Status": "Enabled", "Prefix": "", "Destination": {"Bucket": f"arn:aws:s3:::{BUCKET}"}}]}),
    "let everybody do everything, then delete as nobody": lambda s3, _: public_then_nobody(s3),
    "make the bucket everybody's": lambda s3, _: s3.put_bucket_acl(Bucket=BUCKET, ACL="public-read-write"),
    "delete the bucket": lambda s3, _: s3.delete_bucket(Bucket=BUCKET),
    "make the bucket anew without lock": lambda s3, _: s3.create_bucket(Bucket=BUCKET),
    "delete the bucket by force (MinIO)": lambda _, who: raw(who, "DELETE", f"/{BUCKET}", {"x-minio-force-delete": "true"}),
    "delete the folder by force (MinIO)": lambda _, who: raw(who, "DELETE", f"/{BUCKET}/attack/", {"x-minio-force-delete": "true"}),
    "purge the bucket as administrator (Ceph)": lambda _, who: raw(who, "DELETE", f"/admin/bucket?bucket={BUCKET}&purge-objects=true"),
    "remove the object as administrator (Ceph)": lambda _, who: raw(who, "DELETE", f"/admin/bucket?bucket={BUCKET}&object={KEY}"),
}

# What attempts may leave behind, taken back so that each starts from the same.
UNDO = (
    lambda: control.delete_bucket_policy(Bucket=BUCKET),
    lambda: control.put_bucket_acl(Bucket=BUCKET, ACL="private"),
    lambda: control.put_object_acl(**IT, ACL="private"),
    lambda: control.delete_bucket_lifecycle(Bucket=BUCKET),
    lambda: control.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}),
)


def several(s3, **more) -> None:
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": KEY, "VersionId": VERSION}]}, **more)
    for error in answer.get("Errors", []):
        raise botocore.exceptions.ClientError({"Error": {"Code": error["Code"]}}, "DeleteObjects")


def lost() -> str | None:
    """What is not as it was; nothing when the victim is whole and locked until its day."""
    try:
        found = control.get_object(**IT)
        if found["Body"].read() != BODY:
            return "its bytes"
        lock = control.get_object_retention(**IT)["Retention"]
        if lock["Mode"] != "COMPLIANCE" or lock["RetainUntilDate"] < UNTIL:
            return f"its lock: {lock}"
        if control.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"]["ObjectLockEnabled"] != "Enabled":
            return "the bucket's lock"
        if control.get_bucket_versioning(Bucket=BUCKET).get("Status") != "Enabled":
            return "the bucket's versioning"
    except botocore.exceptions.ClientError as error:
        return str(error)
    return None


for who in ("control-plane", "trino", "unknown", "nobody"):
    for name, attack in ATTACKS.items():
        try:
            attack(client_of(who), who)
            answer = "accepted"
        except botocore.exceptions.ClientError as error:
            answer = error.response["Error"]["Code"]
        except botocore.exceptions.BotoCoreError as error:
            answer = f"not sent: {error}"
        gone = lost()
        print(json.dumps({"attack": name, "as": who, "answer": answer, "held": True if gone is None else gone}), flush=True)
        if answer == "accepted":
            for undo in UNDO:
                try:
                    undo()
                except botocore.exceptions.ClientError:
                    pass
