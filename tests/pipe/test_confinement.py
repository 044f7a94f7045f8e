"""What a worker is told about its isolation."""

from interpreterd.pipe.confinement import Confinement, Landlock, confinement_body

LANDLOCK = Landlock(abi=7, read=("/usr",), write=("/w",), devices=("/dev/null",))


def test_ports_are_there_only_if_landlock_decides_about_them() -> None:
    told = confinement_body(Confinement(home="/h", temporary="/t", landlock=LANDLOCK, seccomp="AAA="))
    assert told == {
        "home": "/h",
        "temporary": "/t",
        "landlock": {"abi": 7, "read": ("/usr",), "write": ("/w",), "devices": ("/dev/null",)},
        "namespaces": (),
        "seccomp": "AAA=",
        "notes": {},
    }
    for ports in ((), (443,)):
        landlock = Landlock(abi=7, read=(), write=(), ports=ports)
        told = confinement_body(Confinement(home="/h", temporary="/t", landlock=landlock, seccomp=""))
        assert told["landlock"]["ports"] == ports


def test_a_listener_is_asked_for_only_if_calls_wait_for_answers() -> None:
    told = confinement_body(Confinement(home="/h", temporary="/t", landlock=LANDLOCK, seccomp="", listener=True))
    assert told["listener"] is True
