"""Tickets that stop coming: Weixin is asked to push again, seldom, and by one replica."""

import time

from wxbus_testing.token_world import SERVICE, World
from wxbusdev.child import wait_until


def test_weixin_is_asked_to_push_a_ticket_that_does_not_come(new_deployment):
    deployment = new_deployment()
    deployment.start("weixin-sim", SERVICE, "wxbus-ingress")
    deployment.start_one(SERVICE, "second")
    world = World(deployment)
    service = deployment.service(SERVICE)
    wait_until(lambda: world.database("SELECT count(*) FROM token_service.ticket_watch") == [(1,)], 20, "the watch")

    def asked():
        return len(world.calls("api_start_push_ticket"))

    def watched_again():
        """Both replicas have looked since."""
        time.sleep(12)

    assert asked() == 0                                         # known for some seconds only
    assert "none yet" in deployment.request(SERVICE, "GET", "/readyz", what="admin")[2].decode()

    world.database("UPDATE token_service.ticket_watch SET seen_at = now() - interval '21 min'")
    wait_until(lambda: world.tokens.call("GET", f"/v1/platforms/{world.component}/token")[0] == 200, 30, "a token")
    assert asked() == 1
    wait_until(lambda: " s old" in deployment.request(SERVICE, "GET", "/readyz", what="admin")[2].decode(), 10,
               "the age in the health detail")
    assert service.metric("wxbus_token_service_ticket_age_seconds", component=world.component) < 60

    # 50 minutes old, asked long ago, but nothing needs it: nobody asks. After an hour one replica does, once.
    world.database("UPDATE token_service.ticket_watch SET asked_at = now() - interval '1 d'")
    world.database("UPDATE token_service.platforms SET ticket_created_at = now() - interval '50 min'")
    watched_again()
    assert asked() == 1
    world.database("UPDATE token_service.platforms SET ticket_created_at = now() - interval '61 min'")
    wait_until(lambda: asked() == 2, 20, "the second request")
    watched_again()
    assert asked() == 2

    # The platform's token is about to end: 21 minutes are enough.
    world.database("UPDATE token_service.ticket_watch SET asked_at = now() - interval '1 d'")
    world.database("UPDATE token_service.platforms SET ticket_created_at = now() - interval '21 min',"
                   " token_expires_at = now() + interval '19 min'")
    wait_until(lambda: asked() == 3, 20, "the third request")
    deployment.close()
