"""A running site, and the address of one of its pictures."""

import pytest

from tests.pipelines.issue_pages.small_site import HERE, VIEWER


@pytest.fixture
def site(serve):
    return serve()


@pytest.fixture
def image(site, client):
    """The address of a picture, and the address that the site wants as its Referer."""
    viewer = site.url + VIEWER
    text = client.get(viewer, HERE).text
    address = text[text.index(site.images_url) :].split('"')[0]
    site.log.clear()
    return address, viewer
