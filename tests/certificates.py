"""Certificates for tests, made by openssl's command."""

import subprocess


class Authority:
    """Signs certificates: its own is `folder`/NAME.pem."""

    def __init__(self, folder, name, certificate=None, key=None):
        self.folder = folder
        self.certificate = certificate or folder / f"{name}.pem"
        self.key = key or folder / f"{name}.key"
        if certificate is None:
            self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", self.key, "-out",
                          self.certificate)

    def make(self, name, common_name="client", days=2):
        """NAME.pem and NAME.key, for `common_name`; with -1 days its time is over."""
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={common_name}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", str(days), "-out", certificate)
        return certificate, key

    def encrypted(self, key, password):
        """A copy of a key that wants a password."""
        copy = key.with_suffix(".encrypted")
        self._openssl("pkcs8", "-topk8", "-in", key, "-out", copy, "-passout", f"pass:{password}")
        return copy

    def _openssl(self, *arguments):
        result = subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"openssl {arguments[0]}: {result.stderr}"
