"""The environment of isolated contexts is a list of what they get."""

from interpreterd.workers.isolation.environment import clean_environment


def test_what_may_be_a_secret_is_left_out() -> None:
    environ = {
        "PATH": "/usr/bin",
        "LC_ALL": "C",
        "PYTHONPATH": "/lib",
        "PYTHONSTARTUP": "/home/me/start.py",
        "AWS_SECRET_ACCESS_KEY": "s",
        "HOME": "/home/me",
        "SSH_AUTH_SOCK": "/run/agent",
        "XDG_RUNTIME_DIR": "/run/user/1000",
        "MPLCONFIGDIR": "/home/me/.config",
        "OMP_NUM_THREADS": "2",
        "NVIDIA_API_KEY": "s",
        "PYTHONANYWHERE_API_TOKEN": "s",
        "PYTHON_KEYRING_PASSWORD": "s",
    }
    assert clean_environment(environ) == {
        "PATH": "/usr/bin",
        "LC_ALL": "C",
        "PYTHONPATH": "/lib",
        "OMP_NUM_THREADS": "2",
        "HOME": "/nonexistent",
    }


def test_a_proxy_is_kept_unless_it_has_a_password() -> None:
    environ = {"HTTPS_PROXY": "http://proxy:3128", "http_proxy": "http://me:secret@proxy", "no_proxy": "x"}
    kept = clean_environment(environ)
    assert set(kept) == {"HTTPS_PROXY", "no_proxy", "HOME"}
    assert "http_proxy" not in clean_environment({"http_proxy": "http://[::1"})
