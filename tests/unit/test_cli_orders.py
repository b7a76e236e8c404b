"""Orders by how a number begins, as the page Orders finds them."""

from fakes.house import House
from fakes.shell import InnerShell


async def test_orders_are_found_by_how_a_number_begins(database):
    house = House(database)
    shell = InnerShell(database.url, house)
    numbers = [(await house.place())["increment_id"] for _ in range(2)]
    await house.settle_down()
    code, out, err = await shell("orders", "list", "--number", numbers[0][:4])
    assert (code, [number in out for number in numbers]) == (0, [True, True]), err
    code, out, _ = await shell("orders", "list", f"--number={numbers[1]}")
    assert (code, [number in out for number in numbers]) == (0, [False, True])
    code, out, _ = await shell("orders", "list", "--number=-nothing")
    assert (code, "No order carries a number that begins with -nothing" in out) == (1, True)
    code, _, err = await shell("orders", "list", "--number", "1", "--state", "placed")
    assert (code, "not both" in err) == (2, True)
