"""The help and the completion of ``serve`` have every setting."""

from interpreterd.cli.serve import command
from interpreterd.flags import flag_of
from interpreterd.settings import Settings


def test_every_setting_is_an_option_with_its_help_and_its_choices() -> None:
    options = {option.opts[0]: option for option in command.params if not getattr(option, "hidden", False)}
    settings = list(Settings.declared())
    assert list(options) == [flag_of(setting.name) for setting in settings]
    for setting in settings:
        option = options[flag_of(setting.name)]
        assert getattr(option, "help", "") == setting.metadata["help"]
        assert list(getattr(option.type, "choices", ())) == list(setting.metadata["choices"])


def test_a_shell_takes_earlier_names_but_offers_none() -> None:
    hidden = {option.opts[0] for option in command.params if getattr(option, "hidden", False)}
    assert hidden == {flag_of(earlier) for setting in Settings.declared() for earlier in setting.metadata["former"]}
    assert {"--journals-bytes", "--queues-bytes"} <= hidden
