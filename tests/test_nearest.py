"""The end of an error message about a name that is not known."""

from workbench.nearest import nearest

KNOWN = ("libx264", "libsvtav1", "libvvenc")


def test_a_misspelt_name_has_its_nearest():
    assert nearest("libsvt-av1", KNOWN) == "did you mean libsvtav1?"
    assert nearest("x264", KNOWN) == "did you mean libx264?"


def test_a_name_like_none_has_all():
    for name in ("", "dirac"):
        assert nearest(name, KNOWN) == "there are: libx264, libsvtav1, libvvenc"


def test_names_may_come_once():
    assert nearest("libvenc", iter(KNOWN)) == "did you mean libvvenc?"
    assert nearest("", iter(KNOWN)).endswith("libvvenc")
