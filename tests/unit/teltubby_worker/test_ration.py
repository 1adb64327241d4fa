from teltubby_worker.mtproto.ration import Ration


def test_so_many_times_in_a_period_that_slides() -> None:
    ration = Ration(2, 100)
    assert ration.wait(0) == 0
    ration.take(0)
    assert ration.wait(10) == 0
    ration.take(10)
    assert ration.wait(20) == 80
    assert ration.wait(100) == 0
    ration.take(100)
    assert ration.wait(100) == 10
