"""The help and the completion of ``serve``: of every setting."""

import attrs

from interpreterd.cli.serve import command
from interpreterd.flags import flag
from interpreterd.settings import Settings


def test_every_setting_is_an_option_with_its_help_and_its_choices() -> None:
    options = {option.opts[0]: option for option in command.params}
    settings = attrs.fields(Settings)
    assert list(options) == [flag(setting.name) for setting in settings]
    for setting in settings:
        option = options[flag(setting.name)]
        assert getattr(option, "help", "") == setting.metadata["help"]
        assert list(getattr(option.type, "choices", ())) == list(setting.metadata["choices"] or ())
