# SPDX-License-Identifier: Apache-2.0
# Copyright the dfukit authors
"""Man pages, shell completion and --help: all say what the tool takes, because all are made from
its tables; and the programs that read them read them without complaint."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from images import DFU, dfu, done

BUILD = Path(os.environ["DFU_BINARY_DIR"])
DOCS = BUILD / "docs"
SOURCE = Path(os.environ["DFU_SOURCE_DIR"])
BOARDS = {path.stem for path in (BUILD / "boards").glob("*.dtb")}


def output(*command, **more):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False, stdin=subprocess.DEVNULL, **more)
    assert result.returncode == 0 and result.stderr == "", (command, result.stdout, result.stderr)
    return result.stdout


def section(text, name):
    """The lines of a help text under "NAME:"."""
    found = re.search(rf"^{name}:\n(.*?)(?:\n\n|\Z)", text, re.S | re.M)
    return found.group(1).splitlines() if found else []


def commands():
    lines = section(done(dfu("help")).decode(), "commands")
    return [re.match(r"  (\S+(?: \S+)*?)  +|  (\S+ \S+) ", line) for line in lines]


COMMANDS = [next(filter(None, match.groups())) for match in commands()]


def options(command):
    """(letter or None, name or None) of each option of the command's own help."""
    text = done(dfu(*command.split(), "--help")).decode()
    for line in section(text, "options"):
        match = re.match(r"  (?:-(\S), |   \s?)(?:--(\S+))?", line)
        if match and (match.group(1) or match.group(2)):
            yield match.group(1), match.group(2)


OPTIONS = {command: list(options(command)) for command in COMMANDS}


def test_the_help_was_understood():
    assert len(COMMANDS) >= 25 and "sign" in COMMANDS and "image list" in COMMANDS
    assert ("k", "key") in OPTIONS["sign"] and (None, "board") in OPTIONS["sign"]
    assert len(OPTIONS["sign"]) >= 40


@pytest.mark.parametrize("words", [["help"], *([*name.split(), "--help"] for name in COMMANDS)],
                         ids=" ".join)
def test_options_are_told_in_lines_of_a_hundred_columns(words):
    for line in section(done(dfu(*words)).decode(), "options"):
        assert len(line) <= 100 and line == line.rstrip(), line


def test_every_command_has_an_example_that_the_tool_takes():
    assert output(BUILD / "dfu_docs", "check") == ""


@pytest.mark.parametrize("group", sorted({name.split()[0] for name in COMMANDS if " " in name}))
def test_help_of_a_group_lists_its_commands(group):
    told = done(dfu(group, "--help")).decode()
    assert told == done(dfu("help", group)).decode() == done(dfu(group, "-h")).decode()
    assert [name for name in COMMANDS if re.search(rf"^  {name} +\S", told, re.M)] == [
        name for name in COMMANDS if name.startswith(group + " ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples_with_what_they_do(command):
    lines = section(done(dfu(*command.split(), "--help")).decode(), "examples")
    assert lines[0].startswith("  # ") and any("dfu " in line for line in lines)


def rendered(page, width=100):
    text = output("mandoc", "-T", "utf8", "-O", f"width={width}", page)
    return re.sub(".\b", "", text)


def test_there_is_a_page_for_each_command_and_none_besides():
    pages = {path.name for path in (DOCS / "man1").iterdir()}
    assert pages == {"dfu.1"} | {f"dfu-{name.replace(' ', '-')}.1" for name in COMMANDS}


@pytest.mark.parametrize("page", sorted((DOCS / "man1").iterdir()), ids=lambda path: path.name)
def test_pages_render_without_a_warning(page):
    output("mandoc", "-T", "lint", "-W", "warning", page)
    # A bare hyphen is a typographic one to some renderers: not what is to be typed.
    typed = [line for line in page.read_text().splitlines() if not line.startswith((".\\\"", ".TH"))]
    assert [line for line in typed if re.search(r"(?<!\\)-", line)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_says_every_option_and_example(command):
    page = rendered(DOCS / "man1" / f"dfu-{command.replace(' ', '-')}.1", 400)
    for letter, name in OPTIONS[command] + [("h", "help"), (None, "json")]:
        spelled = ", ".join(([f"-{letter}"] if letter else []) + ([f"--{name}"] if name else []))
        assert re.search(rf"^ +{re.escape(spelled)}\b", page, re.M), spelled
    for line in section(done(dfu(*command.split(), "--help")).decode(), "examples"):
        assert line.strip(" #") in page, line


def test_the_first_page_lists_commands_and_exit_codes():
    page = rendered(DOCS / "man1" / "dfu.1", 400)
    text = done(dfu("help")).decode()
    for command in COMMANDS:
        assert f"dfu-{command.replace(' ', '-')}(1)" in page
    for line in section(text, "exit codes"):
        code, meaning = line.split(maxsplit=1)
        assert re.search(rf"^ +{code} +{re.escape(meaning)}$", page, re.M), line


def test_the_first_page_lists_the_environment():
    page = rendered(DOCS / "man1" / "dfu.1", 400)
    sources = [path.read_text() for path in (SOURCE / "tools/dfu").glob("*.c")]
    asked = set(re.findall(r'(?:getenv\(|_ENV +)"(\w+)"', "".join(sources))) - {"HOME"}
    assert {"DFU_TARGET", "DFU_AUTH_KEY", "DFU_KEY_PASSPHRASE", "SOURCE_DATE_EPOCH"} <= asked
    for name in asked:
        assert re.search(rf"^ +{name}$", page, re.M), name


def spellings(command):
    for letter, name in OPTIONS[command]:
        yield from ([f"-{letter}"] if letter else []) + ([f"--{name}"] if name else [])


def test_the_shells_find_no_fault_in_the_scripts():
    output("shellcheck", "-s", "bash", DOCS / "dfu")
    output("zsh", "-n", DOCS / "_dfu")
    output("fish", "--no-config", "-n", DOCS / "dfu.fish")


# bash ---------------------------------------------------------------------------------------------

BASH = r"""
set -u
source "$1"
while IFS= read -r line; do
    read -ra COMP_WORDS <<<"$line"
    [[ $line != *' ' ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _dfu
    echo "${COMPREPLY[*]-}"
done
"""


def bash(*lines, cwd=None):
    """What completing each command line offers."""
    result = subprocess.run(["bash", "--norc", "-c", BASH, "bash", DOCS / "dfu"], text=True,
                            input="".join(f"{line}\n" for line in lines), capture_output=True,
                            check=False, cwd=cwd)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return [set(line.split()) for line in result.stdout.splitlines()]


def test_bash_offers_every_command_and_option():
    groups = {command.split()[0] for command in COMMANDS}
    seconds = {word: {command.split()[1] for command in COMMANDS if command.split()[0] == word}
               for word in groups if word not in COMMANDS}
    first, *rest = bash("dfu ", *(f"dfu {word} " for word in seconds))
    assert first == groups | {"help"}
    assert rest == list(seconds.values())
    for command, offered in zip(COMMANDS, bash(*(f"dfu {name} -" for name in COMMANDS))):
        assert set(spellings(command)) | {"--json", "-h"} <= offered, command


def test_bash_knows_what_a_value_may_be(tmp_path):
    (tmp_path / "app.bin").touch()
    offered = bash("dfu sign --pad-h", "dfu sign --sha ", "dfu sign --sha = 3", "dfu -d ",
                   "dfu sign -k ", "dfu sign --custom-tlv-file 0xa0 ", "dfu sign -v 1 ap",
                   "dfu sign --custom-tlv-file ", "dfu -d udp : host image ", "dfu help im",
                   "dfu dumpinfo -f h", "dfu version ", "dfu sign --mode mov",
                   cwd=tmp_path)
    assert offered == [{"--pad-header"}, {"auto", "256", "384", "512"}, {"384"},
                       {"serial:", "udp:", "dtls:", "tcp:", "ble:", "usbip:", "config:"}, {"app.bin"}, {"app.bin"}, {"app.bin"}, set(),
                       {"list", "upload", "test", "confirm", "erase", "slots"}, {"image"},
                       {"human"}, set(), {"move"}]


def test_bash_knows_the_boards(tmp_path):
    for name in ("app.bin", "mine.dtb"):
        (tmp_path / name).touch()
    offered = bash("dfu sign --board ", "dfu sim -b nrf5", "dfu explain -b mi", "dfu history -b x",
                   cwd=tmp_path)
    assert offered == [BOARDS | {"mine.dtb"}, {"nrf52840dk"}, {"microbit", "mine.dtb"}, set()]


PROFILES = "# mine\n\n  desk =\tudp:192.0.2.1\ndeck=serial:/dev/ttyACM0\n=nameless\nno line\n"


def profiles(folder):
    (folder / "dfu").mkdir(parents=True)
    (folder / "dfu" / "profiles").write_text(PROFILES)
    return folder


def test_bash_knows_the_profiles(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(profiles(tmp_path / "config")))
    assert bash("dfu -d de", "dfu --device d") == [{"desk", "deck"}, {"desk", "deck", "dtls:"}]
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert bash("dfu -d de") == [set()]
    profiles(tmp_path / "home" / ".config")
    assert bash("dfu -d de") == [{"desk", "deck"}]


# zsh ----------------------------------------------------------------------------------------------

# An interactive zsh on a terminal of its own, whose compadd tells what it is given.
ZSH = r"""
zmodload zsh/zpty
zpty child zsh -f -i
say() { zpty -w child "$1"; }
until_mark() { local seen line; while zpty -r child line; do seen+=$line; [[ $line == *$1* ]] && break; done; REPLY=$seen; }
say "fpath=($PWD \$fpath); autoload -U compinit; compinit -u -D; PS1=; PS2=; stty -echo"
say 'comp() {
  compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return $?; fi
    typeset -a hits; builtin compadd -A hits "$@"
    local word; for word in $hits; do print -r -- "HIT:$word"; done
    return 0
  }
  print; _main_complete; print -r -- "END-OF-LIST"
}'
say 'zle -C comp complete-word comp; bindkey "^I" comp; print READY-""NOW'
until_mark READY-NOW
while IFS= read -r line; do
  zpty -w -n child $'\025'"$line"$'\t'
  until_mark END-OF-LIST
  print -r -- ${(j: :)${(u)${(M)${(f)${REPLY//$'\r'/}}:#HIT:*}#HIT:}}
  zpty -w -n child $'\025'
done
"""


def zsh(tmp_path, *lines):
    """What completing each command line offers."""
    (tmp_path / "_dfu").write_text((DOCS / "_dfu").read_text())
    (tmp_path / "ask.zsh").write_text(ZSH)
    result = subprocess.run(["zsh", "-f", "ask.zsh"], text=True, capture_output=True, check=False,
                            input="".join(f"{line}\n" for line in lines), cwd=tmp_path, timeout=120)
    assert result.returncode == 0 and result.stderr == "", (result.stdout, result.stderr)
    return [set(line.split()) for line in result.stdout.splitlines()]


def test_zsh_offers_every_command_and_option(tmp_path):
    groups = {command.split()[0] for command in COMMANDS}
    seconds = {word: {command.split()[1] for command in COMMANDS if command.split()[0] == word}
               for word in groups if word not in COMMANDS}
    offered = zsh(tmp_path, "dfu ", *(f"dfu {word} " for word in seconds),
                  *(f"dfu {name} -" for name in COMMANDS))
    assert offered[0] == groups | {"help"}
    assert offered[1:len(seconds) + 1] == list(seconds.values())
    for command, words in zip(COMMANDS, offered[len(seconds) + 1:], strict=True):
        assert set(spellings(command)) | {"--json", "-h"} <= words, command


def test_zsh_knows_what_a_value_may_be(tmp_path):
    (tmp_path / "app.bin").touch()
    offered = zsh(tmp_path, "dfu sign --pad-h", "dfu sign --sha ", "dfu sign --sha=3", "dfu -d ",
                  "dfu sign -k ap", "dfu sign --custom-tlv-file 0xa0 ap", "dfu sign -v 1 ap",
                  "dfu -d udp:host image u", "dfu dumpinfo -f h")
    assert offered == [{"--pad-header"}, {"auto", "256", "384", "512"}, {"384"},
                       {"serial:", "udp:", "dtls:", "tcp:", "ble:", "usbip:", "config:"}, {"app.bin"}, {"app.bin"}, {"app.bin"},
                       {"upload"}, {"human"}]


def test_zsh_knows_the_boards(tmp_path):
    (tmp_path / "mine.dtb").touch()
    assert zsh(tmp_path, "dfu sign --board ", "dfu sim -b nrf5", "dfu explain -b mi") == [
        BOARDS | {"mine.dtb"}, {"nrf52840dk"}, {"microbit", "mine.dtb"}]


def test_zsh_knows_the_profiles(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(profiles(tmp_path / "config")))
    assert zsh(tmp_path, "dfu -d de", "dfu --device d") == [{"desk", "deck"},
                                                            {"desk", "deck", "dtls:"}]


# fish ---------------------------------------------------------------------------------------------

def fish(tmp_path, *lines):
    """What completing each command line offers, without the descriptions."""
    script = f"source {DOCS}/dfu.fish\n" + "".join(
        f"complete -C '{line}' | string replace -r '\t.*' ''; echo ----\n" for line in lines)
    text = output("fish", "--no-config", "-c", script, cwd=tmp_path,
                  env={**os.environ, "HOME": str(tmp_path)})
    return [set(part.split()) for part in text.split("----\n")[:-1]]


def test_fish_offers_every_command_and_option(tmp_path):
    groups = {command.split()[0] for command in COMMANDS}
    seconds = {word: {command.split()[1] for command in COMMANDS if command.split()[0] == word}
               for word in groups if word not in COMMANDS}
    offered = fish(tmp_path, "dfu ", *(f"dfu {word} " for word in seconds),
                   *(f"dfu {name} -" for name in COMMANDS))
    assert offered[0] == groups
    assert offered[1:len(seconds) + 1] == list(seconds.values())
    for command, words in zip(COMMANDS, offered[len(seconds) + 1:], strict=True):
        assert set(spellings(command)) | {"--json", "-h"} <= words, command


def test_fish_knows_what_a_value_may_be(tmp_path):
    (tmp_path / "app.bin").touch()
    offered = fish(tmp_path, "dfu sign --pad-h", "dfu sign --sha ", "dfu sign --sha=3", "dfu -d ",
                   "dfu sign -k ap", "dfu sign -v 1 ap", "dfu -d udp:host image u",
                   "dfu dumpinfo -f h", "dfu version ap")
    assert offered == [{"--pad-header"}, {"auto", "256", "384", "512"}, {"--sha=384"},
                       {"serial:", "udp:", "dtls:", "tcp:", "ble:", "usbip:", "config:"}, {"app.bin"}, {"app.bin"}, {"upload"},
                       {"human"}, set()]


def test_fish_knows_the_boards(tmp_path):
    for name in ("app.bin", "mine.dtb"):
        (tmp_path / name).touch()
    offered = fish(tmp_path, "dfu sign --board ", "dfu sim -b nrf5", "dfu explain -b mi")
    assert offered == [BOARDS | {"mine.dtb"}, {"nrf52840dk"}, {"microbit", "mine.dtb"}]


def test_fish_knows_the_profiles(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(profiles(tmp_path / "config")))
    assert fish(tmp_path, "dfu -d de", "dfu --device d") == [{"desk", "deck"},
                                                             {"desk", "deck", "dtls:"}]
    monkeypatch.delenv("XDG_CONFIG_HOME")
    profiles(tmp_path / ".config")
    assert fish(tmp_path, "dfu -d de") == [{"desk", "deck"}]
