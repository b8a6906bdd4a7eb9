"""Certificates for tests: an authority, and what it vouches for. Made by openssl."""

import hashlib
import pathlib
import ssl
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """Signs certificates, in a folder of its own."""

    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder)
        self.certificate = self.folder / f"{name}.pem"
        self.key = self.folder / f"{name}.key"
        openssl("req", "-x509", *self.new_key(self.key), "-out", self.certificate, "-days", "30", "-subj", f"/CN={name}")

    @staticmethod
    def new_key(path):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path)

    def sign(self, name, extension, days=30):
        """A certificate and its key, as a pair of paths."""
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(extension + "\n")
        openssl("req", *self.new_key(key), "-out", request, "-subj", f"/CN={name}")
        openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-days", str(days)),
            *("-extfile", extensions, "-out", certificate),
        )
        return certificate, key

    def server(self, name="server", days=30):
        return self.sign(name, "subjectAltName=DNS:localhost,IP:127.0.0.1", days)

    def client(self, name="client"):
        return self.sign(name, "extendedKeyUsage=clientAuth")

    def trust(self, client=None):
        """A context that believes this authority, and shows a client's certificate."""
        context = ssl.create_default_context(cafile=self.certificate)
        if client:
            context.load_cert_chain(*client)
        return context


def fingerprint(certificate):
    """The SHA-256 of a certificate, as the file of tokens has it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()
