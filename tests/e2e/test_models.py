"""desy models: versions side by side, promoted and taken back; what is refused; trainings that run at once; what a training said of itself."""
import json
import shutil
import unittest

import program


class Models(program.ModelCase):
    @classmethod
    def setUpClass(cls):
        """v0001 with all levels, v0002 of the low one alone: worse, and in use."""
        super().setUpClass()
        cls.log = program.run(1, "train", cls.store, "--save-dir", cls.models, "--level", "low")[1]

    def setUp(self):
        self.dir = self.folder / self.id().split(".")[-1]
        shutil.copytree(self.models, self.dir)

    def models_(self, *arguments, code=0):
        return program.run(1, "models", *arguments, "--save-dir", self.dir, code=code)

    def current(self):
        return (self.dir / "current").read_text()

    def model(self, version):
        return program.read_json(self.dir, version, "model.json")

    def refused(self, words, *arguments, code=2):
        said = self.models_(*arguments, code=code)
        self.assertEqual(said[0], "")
        self.assertRegex(said[1], words)
        self.assertEqual(len(said[1].splitlines()), 1, said[1])

    def test_list_and_show(self):
        report = json.loads(self.models_("list", "--json")[0])
        self.assertEqual(report["current"], "v0002")
        self.assertEqual([(v["name"], v["current"], v["summary"]["levels"]) for v in report["versions"]],
                         [("v0001", False, ["low", "mid", "high"]), ("v0002", True, ["low"])])
        for version in report["versions"]:
            model = self.model(version["name"])
            self.assertEqual(version["summary"]["out_of_fold_auc"], model["out_of_fold"]["roc_auc"])
            self.assertEqual(version["summary"]["validation_auc"], model["validation"]["roc_auc"])
            self.assertEqual(version["summary"]["threshold"], model["threshold"])
            self.assertRegex(version["made"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        lines = self.models_("list")[0].splitlines()
        self.assertRegex(lines[1], r"^  v0001 .*low mid high$")
        self.assertRegex(lines[2], r"^\* v0002 .*low$")
        self.assertEqual(self.models_("show")[0], self.models_("show", "v0002")[0])
        shown = self.models_("show", "v0001")[0]
        for words in (r"^v0001$", r"options +seed 1, level all, size small", r"step \(level mid, small form, 1280 inputs\)", r"threshold +0\.\d+, chosen on the validation part",
                      r"desy train STORE --save-dir DIR --level all", self.model("v0001")["training"]["data_sha256"]):
            self.assertRegex(shown, r"(?m)" + words)
        shown = json.loads(self.models_("show", "v0001", "--json")[0])
        self.assertEqual(shown["model"], self.model("v0001"))
        self.assertIs(shown["current"], False)
        (self.dir / "current").unlink()
        out, log = self.models_("list")
        self.assertNotIn("* v", out)
        self.assertIn("no version is in use", log)

    def test_compare(self):
        report = json.loads(self.models_("compare", "v0001", "v0002", "--json")[0])
        self.assertIs(report["comparable"], True)
        first = next(figure for figure in report["figures"] if figure["what"] == "out_of_fold.roc_auc")
        self.assertEqual((first["a"], first["b"]), tuple(self.model(v)["out_of_fold"]["roc_auc"] for v in ("v0001", "v0002")))
        self.assertIn({"what": "training.level", "a": "all", "b": "low"}, report["differs"])
        self.assertIn({"what": "channels.step", "a": "mid, small, 1280 inputs"}, report["differs"])
        words = self.models_("compare", "v0001", "v0002")[0]
        self.assertRegex(words, r"(?m)^out_of_fold\.roc_auc .* -0\.\d+$")
        self.assertIn("The two can be compared", words)
        self.assertRegex(words, r"(?m)^training\.level +all +low$")
        self.assertIn("Nothing else differs", self.models_("compare", "v0001", "v0001")[0])
        program.run(1, "train", self.store, "--save-dir", self.dir, "--size", "small", "--seed", 3)
        self.assertIn("The two can't be compared: they were trained on other videos", self.models_("compare", "v0001", "v0003")[0])

    def test_promote_and_rollback(self):
        self.assertRegex(self.log, r"warning: train: .*v0002 is worse than .*v0001 on the same data: out-of-fold AUC 0\.\d+ after 1\.0000; .*rollback")
        self.assertEqual(json.loads(self.models_("rollback", "--json")[0]), {"current": "v0001", "before": "v0002"})
        self.assertEqual(self.current(), "v0001\n")
        self.refused("no version was in use before v0001", "rollback")
        self.refused("v0002 is worse than v0001.*--force", "promote", "v0002")
        self.assertEqual(self.current(), "v0001\n")
        self.assertIn("v0002 is in use now, v0001 was before", self.models_("promote", "v0002", "--force")[1])
        self.assertIn("in use already", self.models_("promote", "v0002")[1])
        self.assertEqual(json.loads(self.models_("promote", "v0001", "--json")[0]), {"current": "v0001", "before": "v0002"})
        log = program.run(2, "train", self.store, "--save-dir", self.dir, "--size", "small", "--seed", 3)[1]
        self.assertNotIn("worse", log)  # of other data: nobody can tell
        self.refused("v0001 can't be compared with v0003.*other videos of the store", "promote", "v0001")
        for version in ("v0001", "v0002", "v0001"):
            self.models_("rollback")
            self.assertEqual(self.current(), version + "\n")
        self.refused("no version was in use before", "rollback")
        # What is in use can't be used, or is gone: anything is better.
        shutil.rmtree(self.dir / "v0001")
        self.models_("promote", "v0002")
        self.assertEqual(self.current(), "v0002\n")
        (self.dir / "current").unlink()
        self.models_("promote", "v0003")
        self.assertEqual(self.current(), "v0003\n")

    def test_damage(self):
        whole = {name: (self.dir / "v0001" / name).read_bytes() for name in ("model.json", "weights.safetensors")}
        weights = bytearray(whole["weights.safetensors"])
        weights[-1] ^= 1
        damages = [("weights.safetensors", bytes(weights), "its SHA-256 is not that of model.json"), ("weights.safetensors", whole["weights.safetensors"][:-8], "weights.safetensors"),
                   ("model.json", whole["model.json"][:200], "v0001/model.json"), ("model.json", whole["model.json"].replace(b'"threshold":\t0.', b'"threshold":\t0.1'), "not what it was"),
                   ("model.json", b"{}", "v0001.*format")]
        for i, (name, data, words) in enumerate(damages):
            (self.dir / "v0001" / name).write_bytes(data)
            commands = [["show", "v0001"], ["promote", "v0001", "--force"], ["rollback"], ["compare", "v0002", "v0001"]]
            for arguments in commands if i == 0 else [commands[i % 3]]:
                self.refused(words, *arguments)
            listed = {version["name"]: version for version in json.loads(self.models_("list", "--json")[0])["versions"]}
            self.assertRegex(listed["v0001"]["fault"], words)
            self.assertNotIn("fault", listed["v0002"])
            self.assertEqual(self.current(), "v0002\n")
            if i == 0:
                self.assertRegex(self.models_("list")[0], r"(?m)^  v0001 .* can't be used: .*" + words)
            (self.dir / "v0001" / name).write_bytes(whole[name])
        (self.dir / "v0001" / "model.json").unlink()
        self.refused("no version was in use before", "rollback")
        self.refused("v0001: no model there", "show", "v0001")

    def test_what_is_not_there(self):
        self.refused("no version v0009 there, but 2 from v0001 to v0002", "show", "v0009")
        self.refused("no version v0009 there", "promote", "v0009", "--force")
        self.refused("no version ../models/v0001 there", "show", "../models/v0001")
        self.refused("no version current there", "promote", "current")
        self.dir = self.folder / "nowhere"
        for arguments in (["list"], ["show"], ["promote", "v0001"], ["rollback"]):
            self.refused("nowhere.*(No such file|no such directory)", *arguments)
        self.dir.mkdir()
        self.refused("no version of a model there: desy train", "list")
        self.refused("no model there", "show")
        for arguments in ([], ["lst"], ["compare", "v0001"], ["list", "--force"]):
            self.refused("desy models", *arguments, code=1)
        self.assertIn("runs alone", program.run(2, "models", "list", code=1)[1])

    def test_diagnosis_and_learning_curve(self):
        """Said in the log, kept, shown; and nothing of the kind of a training that went well."""
        log = program.run(2, "train", self.store, "--save-dir", self.dir, "--level", "high", "--size", "full", "--epochs", 3, "--batch-size", 8, "--lr", 1)[1]
        model = self.model("v0003")
        found = {finding["finding"]: finding["words"] for finding in model["diagnosis"]}
        self.assertRegex(found["learning_rate_too_high"], r"^high_mlp: .*lower --lr \(it is 1\), to 0\.1")
        for words in found.values():
            self.assertIn(f"warning: train: {words}", log)
        self.assertIn("learning_rate_too_high: " + found["learning_rate_too_high"], self.models_("show")[0])
        program.run(2, "eval", self.store, "--model", self.dir, "--split", "all", "-o", self.dir / "report")
        page = (self.dir / "report" / "report.html").read_text()
        self.assertIn("Of the model's training: high_mlp: ", page)
        figure = page.split("Learning curve of high_mlp</h3>")[1].split("</figure>")[0]
        for css in ("training", "validation"):
            points = figure.split(f'<polyline class="line {css}" points="')[1].split('"')[0].split()
            self.assertEqual(len(points), 3)
        self.assertIn(f"The dot is epoch {model['training']['curves']['high_mlp']['best_epoch']}, which was kept", figure)
        good = self.dir / "v0001"
        self.assertEqual(self.model("v0001")["diagnosis"], [])
        self.assertIn("nothing found", self.models_("show", "v0001")[0])
        program.run(1, "eval", self.store, "--model", good, "--split", "all", "-o", self.dir / "report")
        page = (self.dir / "report" / "report.html").read_text()
        self.assertNotIn("Learning curve", page)
        self.assertNotIn("Of the model's training", page)

    def test_versus(self):
        """Each model has the figures that it has alone; words on stdout; the same on two ranks."""
        models, alone = [self.dir / "v0001", self.dir / "v0002"], []
        for k, model in enumerate(models):
            program.run(1, "eval", self.store, "--model", model, "--split", "all", "--bootstrap", 0, "-o", self.dir / f"alone{k}")
            alone.append(program.read_json(self.dir / f"alone{k}", "metrics.json"))
        for ranks in 1, 2:
            said = program.run(ranks, "eval", self.store, "--model", models[0], "--versus", models[1], "--split", "all", "--bootstrap", 200, "-o", self.dir / f"versus{ranks}")[0]
            report = program.read_json(self.dir / f"versus{ranks}", "metrics.json")
            versus = report["versus"]
            self.assertEqual(said.splitlines(), versus["words"])
            for side, one in zip(("ours", "rival"), alone):
                self.assertAlmostEqual(versus["roc_auc"][side], one["roc_auc"], 12)
                self.assertEqual(versus["accuracy"][side], one["accuracy"])
                self.assertEqual(versus["rival_threshold" if side == "rival" else "threshold"], one["threshold"])
            self.assertEqual(report["provenance"]["versus_sha256"], alone[1]["provenance"]["model_sha256"])
        self.assertEqual((self.dir / "versus1" / "metrics.json").read_bytes(), (self.dir / "versus2" / "metrics.json").read_bytes())
        words = program.run(1, "eval", self.store, "--protocol", "lodo", "--versus", models[1], "-o", self.dir / "no", code=1)[1]
        self.assertIn("--versus", words)

    def test_trainings_at_once(self):
        """Each has a whole version of its own, and the history knows both."""
        started = [program.start(1, "train", self.store, "--save-dir", self.dir, "--size", "small", "--seed", seed) for seed in (4, 5, 6)]
        for process in started:
            self.assertEqual((process.communicate()[1], process.returncode)[1], 0)
        report = json.loads(self.models_("list", "--json")[0])
        self.assertEqual([version["name"] for version in report["versions"]], [f"v000{v}" for v in range(1, 6)])
        self.assertTrue(all("summary" in version for version in report["versions"]))
        self.assertEqual({self.model(f"v000{v}")["training"]["seed"] for v in (3, 4, 5)}, {"4", "5", "6"})
        history = (self.dir / "history").read_text().split()
        self.assertEqual(sorted([*history, report["current"]]), [f"v000{v}" for v in range(1, 6)])
        self.assertEqual([name for name in map(str, self.dir.iterdir()) if ".tmp." in name], [])


if __name__ == "__main__":
    unittest.main()
