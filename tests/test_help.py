"""Every command explains itself, with an example that it would accept."""

import re
import shlex

import pytest
import typer

from workbench import cli


def commands(command, words=("workbench",)):
    """Every command that does something, with its words."""
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
    for name, child in (children or {}).items():
        yield from commands(child, (*words, name))


EVERY = dict(commands(typer.main.get_command(cli.app)))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_the_help_of_a_command_has_an_example(words, capsys):
    assert cli.run([*words[1:], "--help"]) == 0
    said = " ".join(re.sub(r"[│╭╰─╮╯]", " ", capsys.readouterr().out).split())
    assert f"Example: {' '.join(words)}" in said or f"Examples: {' '.join(words)}" in said


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_an_example_has_options_that_there_are(words):
    command = EVERY[words]
    known = {option for parameter in command.params for option in parameter.opts}
    known |= {option for parameter in command.params for option in parameter.secondary_opts}
    example = re.split(r"Examples?: |Exit codes", command.epilog or "")[1]
    for part in example.split(";"):
        line = re.sub(r"\(.*?\)|\|.*", "", part)
        for word in shlex.split(line)[len(words) :]:
            assert not word.startswith("--") or word.rstrip(".") in known, f"{word} in {part!r}"


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_option_has_a_text(words):
    for parameter in EVERY[words].params:
        assert getattr(parameter, "help", "") or parameter.param_type_name == "argument", parameter
