"""Files through boto3: what S3 allows, what it refuses, what it keeps."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from storefront.sandbox.serve import RunningSandbox
from tests.storefront.sandbox.conftest import MovableClock, s3_client

Control = Callable[..., Any]


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def test_an_object_is_put_read_listed_and_deleted(sandbox: RunningSandbox) -> None:
    s3 = s3_client(sandbox)
    key = "releases/งาน ตกปลา/v1+final.zip"
    s3.put_object(
        Bucket="shop", Key=key, Body=b"zip", ContentType="application/zip", Metadata={"by": "mali"}
    )
    assert s3.head_object(Bucket="shop", Key=key)["ContentLength"] == 3
    read = s3.get_object(Bucket="shop", Key=key)
    assert (read["Body"].read(), read["ContentType"]) == (b"zip", "application/zip")
    assert read["Metadata"] == {"by": "mali"}
    listed = s3.list_objects_v2(Bucket="shop", Prefix="releases/")
    assert [item.get("Key") for item in listed["Contents"]] == [key]
    s3.delete_object(Bucket="shop", Key=key)
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket="shop", Key=key)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_presigned_link_downloads_under_the_name_asked_for(sandbox: RunningSandbox) -> None:
    s3 = s3_client(sandbox)
    s3.put_object(Bucket="shop", Key="a b.zip", Body=b"zip")
    link = s3.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": "shop",
            "Key": "a b.zip",
            "ResponseContentDisposition": 'attachment; filename="fishing.zip"',
        },
        ExpiresIn=900,
    )
    answer = requests.get(link, timeout=5)
    assert answer.content == b"zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="fishing.zip"'


def test_a_presigned_link_dies_on_time_and_cannot_be_bent(
    sandbox: RunningSandbox, clock: MovableClock
) -> None:
    s3 = s3_client(sandbox)
    s3.put_object(Bucket="shop", Key="a.zip", Body=b"a")
    s3.put_object(Bucket="shop", Key="b.zip", Body=b"b")
    link = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "shop", "Key": "a.zip"}, ExpiresIn=900
    )
    other = requests.get(link.replace("a.zip", "b.zip"), timeout=5)
    assert (other.status_code, "SignatureDoesNotMatch" in other.text) == (403, True)
    longer = requests.get(link.replace("Expires=900", "Expires=9000"), timeout=5)
    assert longer.status_code == 403
    assert requests.put(link, data=b"x", timeout=5).status_code == 403
    clock.ahead_s = 901
    late = requests.get(link, timeout=5)
    assert late.status_code == 403
    assert "<Code>AccessDenied</Code><Message>Request has expired</Message>" in late.text


def test_strangers_wrong_keys_and_old_calls_are_refused(
    sandbox: RunningSandbox, clock: MovableClock
) -> None:
    anonymous = requests.get(f"{sandbox.s3_url}/shop", timeout=5)
    assert (anonymous.status_code, "AccessDenied" in anonymous.text) == (403, True)
    assert requests.post(f"{sandbox.s3_url}/moto-api/reset", timeout=5).status_code == 403
    with pytest.raises(ClientError) as caught:
        s3_client(sandbox, secret_key="wrong").list_objects_v2(Bucket="shop")
    assert code_of(caught.value) == "SignatureDoesNotMatch"
    with pytest.raises(ClientError) as caught:
        s3_client(sandbox, access_key="wrong").list_objects_v2(Bucket="shop")
    assert code_of(caught.value) == "InvalidAccessKeyId"
    clock.ahead_s = 16 * 60
    with pytest.raises(ClientError) as caught:
        s3_client(sandbox).list_objects_v2(Bucket="shop")
    assert code_of(caught.value) == "RequestTimeTooSkewed"


def test_a_large_upload_in_parts_arrives_whole(sandbox: RunningSandbox) -> None:
    content = bytes(range(256)) * 24_576
    parts = TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024)
    s3 = s3_client(sandbox)
    s3.upload_fileobj(io.BytesIO(content), "shop", "big.bin", Config=parts)
    assert s3.get_object(Bucket="shop", Key="big.bin")["Body"].read() == content


def test_pages_of_other_origins_are_let_in_by_the_buckets_rule_alone(
    sandbox: RunningSandbox,
) -> None:
    s3 = s3_client(sandbox)
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "PUT"}
    address = f"{sandbox.s3_url}/shop/a.zip"
    assert requests.options(address, headers=asked, timeout=5).status_code == 403

    rule = {
        "AllowedOrigins": ["https://*.example"],
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["content-type"],
        "ExposeHeaders": ["ETag"],
    }
    s3.put_bucket_cors(Bucket="shop", CORSConfiguration={"CORSRules": [rule]})  # type: ignore[list-item]

    def allows(**changes: str) -> bool:
        headers = {**asked, **{name.replace("_", "-"): value for name, value in changes.items()}}
        answer = requests.options(address, headers=headers, timeout=5)
        return answer.headers.get("Access-Control-Allow-Origin") == "https://shop.example"

    assert allows()
    assert allows(Access_Control_Request_Headers="Content-Type")
    assert not allows(Access_Control_Request_Headers="x-amz-acl")
    assert not allows(Access_Control_Request_Method="DELETE")
    assert not allows(Origin="https://shop.evil")
    link = s3.generate_presigned_url("put_object", Params={"Bucket": "shop", "Key": "a.zip"})
    sent = requests.put(link, data=b"a", headers={"Origin": "https://shop.example"}, timeout=5)
    assert sent.headers["Access-Control-Expose-Headers"] == "ETag"


def test_s3_can_be_down(sandbox: RunningSandbox, control: Control) -> None:
    control("s3", down=True)
    with pytest.raises(ClientError) as caught:
        s3_client(sandbox).list_objects_v2(Bucket="shop")
    assert code_of(caught.value) == "SlowDown"
    control("s3", down=False)
    assert s3_client(sandbox).list_objects_v2(Bucket="shop")["KeyCount"] == 0
