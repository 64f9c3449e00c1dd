"""python-tds with pyOpenSSL, which checks the server's certificate. Argument: the emulator's ready-file."""

import datetime
import os
import sys
import tempfile

import pytds
import tutorial
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ready = tutorial.ready_file()


def connect(database, user, password, autocommit, cafile=ready["ca_certificate_file"]):
    return pytds.connect(
        dsn=ready["sql"]["host"],
        port=ready["sql"]["port"],
        user=user,
        password=password,
        database=database,
        autocommit=autocommit,
        cafile=cafile,
    )


def stranger():
    """The certificate of a certification authority that did not sign the emulator's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "stranger.pem")
    with open(file, "wb") as pem:
        pem.write(stranger())
    try:
        connect("master", ready["sql"]["username"], ready["sql"]["password"], True, file)
        sys.exit("a certificate of a strange authority was accepted")
    except Exception as error:
        assert "certificate verify failed" in repr(error), repr(error)

# It joins the texts of 4060 and 18456, and gives the number of the last.
tutorial.run(pytds, connect, lambda error: error.number, missing_database=18456)
