//! A server that stops says so to everybody.

use tickwire_shared::protocol::close::CloseReason;

use crate::{swirl, wire};

#[test]
fn clients_get_a_close_frame_with_1001() {
    let server = swirl::start();
    let addr = server.addr();
    swirl::run(async {
        let mut player = swirl::connect(&server, "player").await;
        swirl::receive_until(&mut player, "a frame", |c| c.client.tick().is_some()).await;
        let mut silent = wire::upgraded(&server);
        let stopping = std::thread::spawn(move || server.stop());
        let code = swirl::close_code(&mut player).await;
        assert_eq!(code, CloseReason::GoingAway.code());
        assert_eq!(wire::read_close(&mut silent).0, CloseReason::GoingAway.code());
        drop((player, silent));
        stopping.join().expect("the server stopped");
    });
    assert!(std::net::TcpStream::connect(addr).is_err(), "nobody listens any more");
}
