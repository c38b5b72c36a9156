"""OpenSSL's own settings."""

from gateway.serving.tls import listener_environ, openssl_conf
from tests.each import each


@each("version", [(3, 0, 0, 11, 0), (3, 4, 9, 0, 0)])
def test_an_older_openssl_is_not_told_of_groups_that_it_lacks(version):
    assert "Groups = X25519:P-256:P-384\n" in openssl_conf(version)


def test_a_newer_openssl_offers_the_post_quantum_hybrid_first():
    assert "Groups = X25519MLKEM768:X25519:P-256:P-384\n" in openssl_conf((3, 5, 0, 0, 0))


def test_an_openssl_configuration_of_the_operator_stays_in_force(tmp_path):
    conf = tmp_path / "server" / "openssl.cnf"
    assert listener_environ({"OPENSSL_CONF": "/etc/fips.cnf"}, conf) == {
        "OPENSSL_CONF": "/etc/fips.cnf"
    }
    assert not conf.exists()
    assert listener_environ({"A": "b"}, conf) == {"A": "b", "OPENSSL_CONF": str(conf)}
    assert conf.read_text() == openssl_conf()
