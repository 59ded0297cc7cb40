from benchmarks.cut import check_annotated, check_drawn


def test_drawn_and_annotated_panels_are_found():
    check_drawn()
    check_annotated(2)
