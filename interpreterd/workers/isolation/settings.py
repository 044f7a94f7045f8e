"""The settings of isolation, and the daemon's own isolation that they say."""

from typing import TYPE_CHECKING, Final

from attrs import frozen

from interpreterd.setting_kinds import SettingError, absolute, setting, whole, words
from interpreterd.workers.isolation.user_range import UserRange, user_range

if TYPE_CHECKING:
    from interpreterd.model.isolation import Isolation

# As in ``model.isolation``, which is imported only when it is needed: the guard is forked before.
_PROFILES: Final = ("off", "standard", "strict")
_PORTS: Final = (443, 80)
_MUST_PORTS: Final = "must be comma-separated numbers from 1 to 65535"


def _paths(text: str) -> tuple[str, ...]:
    from interpreterd.model.errors import InvalidRequest
    from interpreterd.model.isolation import check_paths

    try:
        return check_paths("they", [absolute(path) for path in words(text)])
    except InvalidRequest as error:
        raise ValueError(str(error).removeprefix("they ")) from None


def _ports(text: str) -> tuple[int, ...]:
    from interpreterd.model.errors import InvalidRequest
    from interpreterd.model.isolation import check_ports

    try:
        return check_ports("they", [whole(port) for port in words(text)])
    except (InvalidRequest, ValueError):
        raise ValueError(_MUST_PORTS) from None


@frozen(kw_only=True, eq=False, repr=False)
class IsolationSettings:
    """The settings of isolation; see ``model.isolation``."""

    isolation: str = setting(
        _PROFILES[0],
        "what contexts' code is kept from: off nothing; standard files, processes and ports that are not its own; "
        "strict also the network. A context may ask for more",
        choices=_PROFILES,
    )
    isolation_read: tuple[str, ...] = setting(
        (), "comma-separated paths that isolated code may read as well; may be repeated", parse=_paths, repeats=True
    )
    isolation_write: tuple[str, ...] = setting(
        (), "comma-separated paths that isolated code may write as well; may be repeated", parse=_paths, repeats=True
    )
    isolation_ports: tuple[int, ...] = setting(
        _PORTS, "comma-separated ports of TCP to which isolated code may connect (default: 443,80)", parse=_ports
    )
    isolation_uids: UserRange | None = setting(  # noqa: RUF009 (as all settings)
        None,
        "users for isolated contexts, each of which gets its own, for example 100000-165535; the daemon must be root "
        "(default: the daemon's user)",
        parse=user_range,
    )

    def check(self) -> None:
        """Raise ``SettingError`` if the daemon cannot give users to contexts."""
        if self.isolation_uids is None:
            return
        from interpreterd.workers.isolation.uids import why_unusable  # which few daemons need

        if why := why_unusable(self.isolation_uids):
            raise SettingError("isolation_uids", why)


def isolation_of(settings: IsolationSettings) -> "Isolation":
    """Return the isolation of contexts that ask for none."""
    from interpreterd.model.isolation import Isolation, usual_network

    return Isolation(
        profile=settings.isolation,
        network=usual_network(settings.isolation),
        ports=settings.isolation_ports,
        read_paths=settings.isolation_read,
        write_paths=settings.isolation_write,
    )
