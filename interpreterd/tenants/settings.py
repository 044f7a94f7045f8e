"""The settings of tokens and of what may listen without them."""

from attrs import frozen

from interpreterd.setting_kinds import SettingError, absolute, setting, switch


@frozen(kw_only=True, eq=False, repr=False)
class TenantSettings:
    """The settings of tokens."""

    token_file: str = setting(
        "",
        "file with the hashes of the tokens that clients must send, which `interpreterd token` writes; read again at "
        "SIGHUP (default: no tokens are needed)",
        parse=lambda text: absolute(text) if text else "",
    )
    insecure_bind: bool = setting(
        False, "listen on addresses that other machines reach although no tokens are needed", parse=switch
    )

    def check(self) -> None:
        """Raise ``SettingError`` if the file cannot be used."""
        if self.token_file:
            from interpreterd.tenants.token_file import BadTokenFile, read

            try:
                read(self.token_file)
            except BadTokenFile as error:
                raise SettingError("token_file", str(error)) from None
